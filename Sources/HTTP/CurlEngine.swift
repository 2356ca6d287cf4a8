internal import Memory
internal import Synchronization

/// Many exchanges over one libcurl multi handle. All but ``wake()`` is for one thread.
///
/// Ten thousand exchanges do not open ten thousand connections: at most ``maxConnections`` run at once, at most
/// ``maxConnectionsPerServer`` of them with one server, each over one connection that is kept for the next. The others
/// wait their turn, and their time runs while they wait.
final class CurlEngine: HTTPEngine, @unchecked Sendable {  // see above; what wake() reaches is safe for any thread
    static let maxConnections = 256
    static let maxConnectionsPerServer = 128

    private let settings: CurlSettings
    private let multi: CurlMulti
    private let isWoken = Atomic(false)

    /// Those that have not ended, by their caller's id.
    private var exchanges: [UInt64: CurlExchange] = [:]
    private var waiting: Set<ObjectIdentifier> = []
    private var admission = Admission<CurlExchange>(
        limit: CurlEngine.maxConnections, limitPerServer: CurlEngine.maxConnectionsPerServer)
    /// When those that wait for their turn are too late.
    private var moments = MomentHeap()
    private var ended: [(id: UInt64, result: HTTPResult)] = []

    init(settings: CurlSettings) throws(HTTPFailure) {
        self.settings = settings
        multi = try CurlMulti(maxConnections: Self.maxConnections)
    }

    deinit { close() }

    func start(_ request: HTTPRequest, id: UInt64) {
        do {
            let exchange = try CurlExchange(request, id: id, settings: settings)
            exchanges[id] = exchange
            if admission.enter(exchange, ID(exchange.url.origin)) {
                run(exchange)
            } else {
                waiting.insert(ObjectIdentifier(exchange))
                moments.insert(exchange.deadline, id: id)
            }
        } catch {
            ended.append((id, .failure(error)))
        }
    }

    func drop(id: UInt64) {
        ended.removeAll { $0.id == id }
        guard let exchange = exchanges.removeValue(forKey: id) else { return }
        if waiting.remove(ObjectIdentifier(exchange)) != nil { return }
        multi.remove(exchange)
        runNext(after: exchange)
    }

    func wait(until deadline: Deadline) -> [(id: UInt64, result: HTTPResult)] {
        while true {
            for (exchange, result) in multi.perform() {
                end(exchange, result)
                runNext(after: exchange)
            }
            endOverdue()
            if !ended.isEmpty {
                defer { ended = [] }
                return ended
            }
            if isWoken.exchange(false, ordering: .sequentiallyConsistent) || deadline.hasPassed { return [] }
            multi.wait(until: min(deadline, moments.earliest))
        }
    }

    func wake() {
        if !isWoken.exchange(true, ordering: .sequentiallyConsistent) { multi.wake() }
    }

    func close() {
        for exchange in exchanges.values { multi.remove(exchange) }
        exchanges = [:]
    }

    // MARK: -

    private func end(_ exchange: CurlExchange, _ result: HTTPResult) {
        exchanges[exchange.id] = nil
        ended.append((exchange.id, result))
    }

    private func run(_ exchange: CurlExchange) {
        do {
            try multi.add(exchange)
        } catch {
            end(exchange, .failure(error))
            runNext(after: exchange)
        }
    }

    private func runNext(after exchange: CurlExchange) {
        let next = admission.leave(ID(exchange.url.origin)) { waiting.remove(ObjectIdentifier($0)) != nil }
        if let next { run(next) }
    }

    /// Ends what waited for its turn for too long. libcurl sees to those that run.
    private func endOverdue() {
        let now = Deadline.now
        while let id = moments.popDue(at: now) {
            guard let exchange = exchanges[id], exchange.deadline <= now,
                waiting.remove(ObjectIdentifier(exchange)) != nil
            else { continue }
            end(exchange, .failure(exchange.timeout))
        }
    }
}
