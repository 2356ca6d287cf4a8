package import HTTP
package import JSON
internal import Runtime

/// An open backend: checks requests, and has their steps performed.
package final class Client: Sendable {
    private let backend: any Backend
    private let executor: Executor
    private let statistics: Statistics
    package let unfinished: Unfinished

    /// - Parameter statistics: those that the backend counts in.
    package init(backend: any Backend, transport: any HTTPTransport, statistics: Statistics = Statistics()) {
        self.backend = backend
        self.statistics = statistics
        executor = Executor(transport: transport, statistics: statistics)
        unfinished = Unfinished(statistics: statistics)
    }

    /// A client whose exchanges go through libcurl.
    /// - Throws: `invalid_config` when the CA file or the proxy cannot be used.
    package convenience init(
        _ backend: any Backend, http: HTTPOptions, statistics: Statistics = Statistics()
    ) throws(ConnError) {
        guard http.hasUsableProxy else { throw .invalidConfig("proxy", "is not the URL of a proxy") }
        do throws(HTTPFailure) {
            self.init(backend: backend, transport: try CurlTransport(options: http), statistics: statistics)
        } catch {
            throw .invalidConfig("caFile", "cannot be used: \(error.message)")
        }
    }

    /// Answers one request on the calling thread.
    /// - Parameter operation: nil when the text names it by "op".
    package func call(
        _ text: UnsafeRawBufferPointer, operation: String?, _ context: CallContext
    ) throws(ConnError) -> JSON {
        let begun = Deadline.now
        let order = order(text, operation: operation)
        var context = context
        context.work = unfinished.begin(order.request)
        context.trace = order.request.trace
        let answer = Result { () throws(ConnError) in
            do throws(ConnError) {
                return try executor.run(context) { [backend, statistics] () throws(ConnError) in
                    try order.begin(backend, statistics)
                }
            } catch {
                throw order.request.redaction.clean(error)
            }
        }
        statistics.count(order.request, since: begun, answer)
        Client.log(answer)
        return try answer.get()
    }

    /// Answers one request, which names its operation by "op", on the loop's thread. `completion` is called once, there
    /// or on the calling thread.
    package func submit(
        _ text: UnsafeRawBufferPointer, _ context: CallContext,
        completion: @escaping @Sendable (Result<JSON, ConnError>) -> Void
    ) {
        let begun = Deadline.now
        let order = order(text, operation: nil)
        let completion: @Sendable (Result<JSON, ConnError>) -> Void = { [statistics] answer in
            let answer = answer.mapError(order.request.redaction.clean)
            statistics.count(order.request, since: begun, answer)
            Client.log(answer)
            completion(answer)
        }
        if let refusal = order.refusal, order.record == nil { return completion(.failure(refusal)) }
        var context = context
        context.work = unfinished.begin(order.request)
        context.trace = order.request.trace
        executor.submit(
            context, { [backend, statistics] () throws(ConnError) in try order.begin(backend, statistics) },
            completion: completion)
    }

    /// After the last ``call(_:operation:_:)`` has returned. Cancels what was submitted and lets what must finish do so.
    /// Returns at once; `completion` is called when all has ended.
    package func close(completion: @escaping @Sendable () -> Void) {
        executor.close { [backend] in
            backend.close()
            completion()
        }
    }

    private func order(_ text: UnsafeRawBufferPointer, operation: String?) -> Order {
        do throws(ConnError) {
            return Order(request: try Request(text, operation: operation, backend: backend.kind))
        } catch {
            let request = Request(refused: text, operation: operation, backend: backend.kind)
            return Order(request: request, refusal: error, record: backend.refused(request, error))
        }
    }

    /// What is expected in a normal life is for those who debug; what an operator must see is a warning.
    private static func log(_ answer: Result<JSON, ConnError>) {
        guard case .failure(let error) = answer else { return }
        let level: Log.Level = [.misconfigured, .internal, .unavailable].contains(error.code) ? .warning : .debug
        Log.write(level, "\(error.code.rawValue): \(error.message)")
    }
}

/// A request as it came in.
private struct Order: Sendable {
    /// What may be told of it, if it does not fit its operation's table.
    let request: Request
    /// Why it was refused.
    var refusal: ConnError?
    /// Remembers that.
    var record: Step<Void>?

    func begin(_ backend: any Backend, _ statistics: Statistics) throws(ConnError) -> Step<JSON> {
        if let refusal {
            guard let record else { throw refusal }
            return try record.then { () throws(ConnError) in throw refusal }
        }
        if request.operation == "describe" { return .done(Operation.description) }
        if request.operation == "stats" { return .done(statistics.json(backend.kind)) }
        let step = try backend.begin(request)
        #if DEBUG
            guard backend.kind == .vault else { return step }
            return try step.then { [request] (answer) throws(ConnError) in
                try request.checkAnswer(answer, backend: .vault)
                return .done(answer)
            }
        #else
            return step
        #endif
    }
}
