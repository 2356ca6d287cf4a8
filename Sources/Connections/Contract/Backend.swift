package import JSON
package import Runtime

/// Who answers the operations: Descope's cloud, the vault, a plugin.
package protocol Backend: AnyObject, Sendable {
    var kind: BackendKind { get }

    /// Begins an operation. The request fits its operation's table, and this backend is one of the operation's.
    func begin(_ request: Request) throws(ConnError) -> Step<JSON>

    /// Remembers that a request was refused; nil where this backend does not want to know.
    /// - Parameter request: what may be told of it (``Request/init(refused:operation:backend:)``) where it did not fit its
    ///   operation's table; else the request itself.
    func refused(_ request: Request, _ error: ConnError) -> Step<Void>?

    /// A secret that all processes with this config have in common; nil when there is none. Keys are derived from it.
    var sharedSecret: Secret? { get }

    /// Remembers that something was used, for all processes that share this backend's storage.
    /// - Parameters:
    ///   - id: 16 random bytes.
    ///   - expiresAt: when it may be forgotten. Seconds since 1970.
    /// - Returns: whether this was the first time; nil when the backend remembers nothing of its own.
    func spend(_ id: [UInt8], expiresAt: Int64) throws(ConnError) -> Step<Bool?>

    /// After the last call has returned.
    func close()
}

extension Backend {
    package func refused(_ request: Request, _ error: ConnError) -> Step<Void>? { nil }
    package var sharedSecret: Secret? { nil }
    package func spend(_ id: [UInt8], expiresAt: Int64) throws(ConnError) -> Step<Bool?> { .done(nil) }
}

/// Operations above any backend, which are made of its own.
package protocol BackendLayer: Backend {
    var backend: any Backend { get }
}

extension BackendLayer {
    package var kind: BackendKind { backend.kind }
    package var sharedSecret: Secret? { backend.sharedSecret }

    package func refused(_ request: Request, _ error: ConnError) -> Step<Void>? { backend.refused(request, error) }

    package func spend(_ id: [UInt8], expiresAt: Int64) throws(ConnError) -> Step<Bool?> {
        try backend.spend(id, expiresAt: expiresAt)
    }

    package func close() { backend.close() }

    /// What a fetch would answer, or why it would fail. It counts as no fetch: nobody may be given the token.
    package func look(_ fields: JSON, actor: String?) throws(ConnError) -> Step<JSON> {
        let checked = try Request(checking: fields, for: "fetch", actor: actor, backend: kind)
        let request = Request(
            operation: "fetch", fields: checked.fields, actor: actor, look: Request.Look(askedAt: nil))
        return try backend.begin(request)
    }

    /// Performs an operation of the backend's with what others have said. What fails is told without the request's secrets.
    package func perform(_ operation: String, _ fields: JSON, actor: String?) throws(ConnError) -> Step<JSON> {
        let request = try Request(checking: fields, for: operation, actor: actor, backend: kind)
        return try Step.attempt({ () throws(ConnError) in try backend.begin(request) }) { (result) throws(ConnError) in
            .done(try result.mapError(request.redaction.clean).get())
        }
    }
}

extension Backend {
    /// Begins `body`, and has the backend remember its failure before it is told.
    package func tellingRefusal(
        of request: Request, _ body: () throws(ConnError) -> Step<JSON>
    ) throws(ConnError) -> Step<JSON> {
        try Step.attempt(body) { [self] (result) throws(ConnError) in
            if case .failure(let error) = result, let told = refused(request, error) {
                return try told.then { () throws(ConnError) in throw error }
            }
            return .done(try result.get())
        }
    }
}

package enum BackendKind: String, Sendable, CaseIterable {
    case cloud, vault, plugin
}
