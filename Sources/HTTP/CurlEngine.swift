internal import Runtime
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

    /// A task's place at a server, or its wait for one.
    private final class Place {
        let id: UInt64
        let url: URL
        /// When it is too late to get one, or the exchange's own.
        var deadline: Deadline
        var isWaiting = false
        /// Nil while the task has no use for the place yet.
        var exchange: CurlExchange?

        init(id: UInt64, url: URL, deadline: Deadline) {
            self.id = id
            self.url = url
            self.deadline = deadline
        }
    }

    /// By their tasks' ids.
    private var places: [UInt64: Place] = [:]
    private var admission = Admission<Place>(
        limit: CurlEngine.maxConnections, limitPerServer: CurlEngine.maxConnectionsPerServer)
    /// When those that wait for their turn, and those that run, are too late.
    private var moments = MomentHeap()
    private var events: [(id: UInt64, event: HTTPEvent)] = []

    init(settings: CurlSettings) throws(HTTPFailure) {
        self.settings = settings
        multi = try CurlMulti(maxConnections: Self.maxConnections)
    }

    deinit { close() }

    func admit(_ url: String, id: UInt64, until deadline: Deadline) {
        do {
            take(try place(at: URL(exchange: url), id: id, until: deadline))
        } catch {
            end(id, .failure(error))
        }
    }

    func start(_ request: HTTPRequest, id: UInt64) {
        do {
            let exchange = try CurlExchange(request, id: id, settings: settings)
            let place = place(at: exchange.url, id: id, until: exchange.deadline)
            place.exchange = exchange
            take(place)
        } catch {
            end(id, .failure(error))
        }
    }

    func drop(id: UInt64) {
        events.removeAll { $0.id == id }
        giveUp(id)
    }

    func wait(until deadline: Deadline) -> [(id: UInt64, event: HTTPEvent)] {
        while true {
            let moment = Deadline.now
            for (exchange, result) in multi.perform() { end(exchange.id, result) }
            endOverdue(at: moment)
            if !events.isEmpty {
                defer { events = [] }
                return events
            }
            if isWoken.exchange(false, ordering: .sequentiallyConsistent) || deadline.hasPassed { return [] }
            multi.wait(until: min(deadline, moments.earliest))
        }
    }

    func wake() {
        if !isWoken.exchange(true, ordering: .sequentiallyConsistent) { multi.wake() }
    }

    func close() {
        for case let exchange? in places.values.map(\.exchange) { multi.remove(exchange) }
        places = [:]
    }

    // MARK: -

    /// The place that a task has at a server or waits for there, or a new one that is neither. One elsewhere is given up.
    private func place(at url: URL, id: UInt64, until deadline: Deadline) -> Place {
        if let place = places[id], ID(place.url.origin) == ID(url.origin) {
            place.deadline = deadline
            return place
        }
        giveUp(id)
        return Place(id: id, url: url, deadline: deadline)
    }

    /// Uses a place, if it is the task's already, or waits for it.
    private func take(_ place: Place) {
        if places.updateValue(place, forKey: place.id) == nil {
            place.isWaiting = !admission.enter(place, ID(place.url.origin))
        }
        if place.isWaiting || place.exchange != nil {
            moments.prune { places[$0] != nil }
            moments.insert(place.deadline, id: place.id)
        }
        if !place.isWaiting, !use(place) { leave(place) }
    }

    /// - Returns: false when its exchange cannot begin; that has ended then.
    private func use(_ place: Place) -> Bool {
        do {
            if let exchange = place.exchange { try multi.add(exchange) } else { events.append((place.id, .admitted)) }
            return true
        } catch {
            places[place.id] = nil
            events.append((place.id, .ended(.failure(error))))
            return false
        }
    }

    private func end(_ id: UInt64, _ result: HTTPResult) {
        events.append((id, .ended(result)))
        giveUp(id)
    }

    /// Takes away a task's place with what it does there, or its wait.
    private func giveUp(_ id: UInt64) {
        guard let place = places.removeValue(forKey: id) else { return }
        if place.isWaiting {
            place.isWaiting = false
        } else {
            if let exchange = place.exchange { multi.remove(exchange) }
            leave(place)
        }
    }

    /// Hands a place that a task had to the next.
    private func leave(_ place: Place) {
        var left = place
        while let next = admission.leave(ID(left.url.origin), stillWaits: \.isWaiting) {
            next.isWaiting = false
            if use(next) { return }
            left = next
        }
    }

    /// Ends what waited or ran for too long. What had arrived by `now` has been read, so that no reply is lost because
    /// this thread came late.
    private func endOverdue(at now: Deadline) {
        while let id = moments.popDue(at: now) {
            guard let place = places[id], place.deadline <= now else { continue }
            if place.isWaiting {
                end(id, .failure(.timeout(place.url, mayHaveArrived: false)))
            } else if let exchange = place.exchange {
                end(id, .failure(exchange.timeout))
            }
        }
    }
}
