package import HTTP
package import JSON

/// An open backend: checks requests, and has their steps performed.
package final class Client: Sendable {
    private let backend: any Backend
    private let executor: Executor
    package let unfinished = Unfinished()

    package init(backend: any Backend, transport: any HTTPTransport) {
        self.backend = backend
        executor = Executor(transport: transport)
    }

    /// A client whose exchanges go through libcurl.
    /// - Throws: `invalid_config` when the CA file or the proxy cannot be used.
    package convenience init(_ backend: any Backend, http: HTTPOptions) throws(ConnError) {
        guard http.hasUsableProxy else { throw .invalidConfig("proxy", "is not the URL of a proxy") }
        do throws(HTTPFailure) {
            self.init(backend: backend, transport: try CurlTransport(options: http))
        } catch {
            throw .invalidConfig("caFile", "cannot be used: \(error.message)")
        }
    }

    /// Answers one request on the calling thread.
    /// - Parameter operation: nil when the text names it by "op".
    package func call(
        _ text: UnsafeRawBufferPointer, operation: String?, _ context: CallContext
    ) throws(ConnError) -> JSON {
        let answer = Result { () throws(ConnError) in
            let request = try Request(text, operation: operation, backend: backend.kind)
            var context = context
            context.work = unfinished.begin(request)
            do throws(ConnError) {
                return try executor.run(context) { [backend] () throws(ConnError) in
                    try Client.begin(request, backend)
                }
            } catch {
                throw request.redaction.clean(error)
            }
        }
        Client.log(answer)
        return try answer.get()
    }

    /// Answers one request, which names its operation by "op", on the loop's thread. `completion` is called once, there
    /// or on the calling thread.
    package func submit(
        _ text: UnsafeRawBufferPointer, _ context: CallContext,
        completion: @escaping @Sendable (Result<JSON, ConnError>) -> Void
    ) {
        let request: Request
        var context = context
        do {
            request = try Request(text, operation: nil, backend: backend.kind)
            context.work = unfinished.begin(request)
        } catch {
            Client.log(.failure(error))
            completion(.failure(error))
            return
        }
        executor.submit(
            context, { [backend] () throws(ConnError) in try Client.begin(request, backend) },
            completion: { answer in
                let answer = answer.mapError(request.redaction.clean)
                Client.log(answer)
                completion(answer)
            })
    }

    /// After the last ``call(_:operation:_:)`` has returned. Cancels what was submitted and lets what must finish do so.
    /// Returns at once; `completion` is called when all has ended.
    package func close(completion: @escaping @Sendable () -> Void) {
        executor.close { [backend] in
            backend.close()
            completion()
        }
    }

    private static func begin(_ request: Request, _ backend: any Backend) throws(ConnError) -> Step<JSON> {
        if request.operation == "describe" { return .done(Operation.description) }
        return try backend.begin(request)
    }

    /// What is expected in a normal life is for those who debug; what an operator must see is a warning.
    private static func log(_ answer: Result<JSON, ConnError>) {
        guard case .failure(let error) = answer else { return }
        let level: Log.Level = [.misconfigured, .internal, .unavailable].contains(error.code) ? .warning : .debug
        Log.write(level, "\(error.code.rawValue): \(error.message)")
    }
}
