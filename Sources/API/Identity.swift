internal import JSON
internal import Runtime

/// Whom a JWT is about, in Descope's claims and in those of OAuth (RFC 9068).
struct Identity: Sendable {
    /// Nil where the token is a client's own.
    let userID: ID?
    let clientID: ID?
    let tenants: [ID]
    /// In the project, and in the current tenant.
    let roles: [ID]
    let scopes: [ID]

    /// - Parameter claims: of a JWT whose signature is verified.
    init(_ claims: JSON) {
        let subject = claims["dsub"]?.id ?? claims["sub"]?.id
        clientID = claims["azp"]?.id ?? claims["client_id"]?.id
        // A client-credentials grant has no user (RFC 9068 section 2.2): its subject is the client.
        userID = subject == clientID ? nil : subject
        let memberships = claims["tenants"]
        let current = claims["dct"]?.id
        let named = (memberships?.members ?? []).map { ID($0.key) }
        tenants = named + (current.map { named.contains($0) ? [] : [$0] } ?? [])
        let ofTenant = current.flatMap { memberships?[$0.text]?["roles"] }
        roles = [claims["roles"], ofTenant].flatMap { ($0?.strings ?? []).map { ID($0) } }
        scopes = (claims["scope"]?.string ?? "").split(separator: " ").map { ID(String($0)) }
    }

    /// A `VerifiedJwt`.
    func json(_ claims: JSON) -> JSON {
        .object([
            "claims": claims, "userId": userID.map(JSON.string), "clientId": clientID.map(JSON.string),
            "tenantIds": .strings(tenants.map(\.text)), "roles": .strings(roles.map(\.text)),
            "scopes": .strings(scopes.map(\.text)),
        ])
    }
}
