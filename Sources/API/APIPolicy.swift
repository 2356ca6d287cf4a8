internal import JSON
internal import Runtime

/// A policy: what it is about, and what it allows. There are none that forbid.
struct APIPolicy: Sendable {
    // Nil is any.
    private let users, clients, roles, tenants, scopes: [ID]?
    private let connections, connectionScopes: [ID]?
    private let isOfTenants: Bool

    /// - Parameter json: an `ApiPolicy`.
    init(_ json: JSON) {
        func ids(_ name: String) -> [ID]? { json[name]?.strings?.map { ID($0) } }
        users = ids("users")
        clients = ids("clients")
        roles = ids("roles")
        tenants = ids("tenants")
        scopes = ids("scopes")
        connections = ids("connections")
        connectionScopes = ids("connectionScopes")
        isOfTenants = json["tenantTokens"]?.boolean ?? false
    }

    /// An empty list is nobody's.
    func isAbout(_ identity: Identity) -> Bool {
        let hasOne = [
            (users, identity.userID.map { [$0] } ?? []), (clients, identity.clientID.map { [$0] } ?? []),
            (roles, identity.roles), (tenants, identity.tenants),
        ].allSatisfy { wanted, has in wanted?.contains { has.contains($0) } ?? true }
        return hasOne && scopes?.allSatisfy { identity.scopes.contains($0) } ?? true
    }

    func allows(_ appID: ID) -> Bool { connections?.contains(appID) ?? true }

    /// - Parameter appID: nil is what is about no connection alone, such as a list of them.
    func allows(_ appID: ID?, ofTenant: Bool) -> Bool { (isOfTenants || !ofTenant) && appID.map(allows) ?? true }

    var coversAll: Bool { connectionScopes == nil }

    /// Whether it allows a token of these scopes. Without any it is not known what the token is good for.
    func covers(_ scopes: [String]) -> Bool {
        guard let connectionScopes else { return true }
        return !scopes.isEmpty && scopes.allSatisfy { connectionScopes.contains(ID($0)) }
    }
}
