package import JSON

/// Who answers the operations: Descope's cloud, the vault, a plugin.
package protocol Backend: AnyObject, Sendable {
    var kind: BackendKind { get }

    /// Begins an operation. The request fits its operation's table, and this backend is one of the operation's.
    func begin(_ request: Request) throws(ConnError) -> Step<JSON>

    /// After the last call has returned.
    func close()
}

package enum BackendKind: String, Sendable, CaseIterable {
    case cloud, vault, plugin
}
