package import JSON
package import Memory

/// Who answers the operations: Descope's cloud, the vault, a plugin.
package protocol Backend: AnyObject, Sendable {
    var kind: BackendKind { get }

    /// Begins an operation. The request fits its operation's table, and this backend is one of the operation's.
    func begin(_ request: Request) throws(ConnError) -> Step<JSON>

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
    package var sharedSecret: Secret? { nil }
    package func spend(_ id: [UInt8], expiresAt: Int64) throws(ConnError) -> Step<Bool?> { .done(nil) }
}

package enum BackendKind: String, Sendable, CaseIterable {
    case cloud, vault, plugin
}
