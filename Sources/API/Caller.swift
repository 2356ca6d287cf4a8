internal import Connections
internal import JSON
internal import Runtime

/// Who calls, and what they may have.
struct Caller: Sendable {
    let isManager: Bool
    let userID: ID?
    /// What the audit calls it.
    let name: String?
    /// Those whose own tokens it may have, where a policy does not say otherwise.
    private let tenants: [ID]
    /// What policies allow; nil where there are none.
    private let policies: [APIPolicy]?

    /// As the host says.
    /// - Parameter json: an `ApiCaller`.
    init(_ json: JSON) {
        isManager = json["manager"]?.boolean ?? false
        userID = json["userId"]?.id
        name = userID?.text
        tenants = (json["tenantIds"]?.strings ?? []).map { ID($0) }
        policies = nil
    }

    /// Whoever has a management key.
    /// - Parameter managementKey: a `ManagementKey`.
    init(managementKey: JSON) {
        isManager = true
        userID = nil
        name = managementKey["id"]?.string.map { "management key \($0)" }
        tenants = []
        policies = nil
    }

    /// A user or a client with a JWT. Without policies a user has no tokens of tenants: to be a member of one is no reason to.
    init(_ identity: Identity, policies: [APIPolicy]?) {
        isManager = false
        userID = identity.userID
        name = identity.userID?.text ?? identity.clientID?.text
        tenants = policies == nil && identity.userID != nil ? [] : identity.tenants
        self.policies = policies?.filter { $0.isAbout(identity) }
    }

    /// Whether it may have anything of a connection's.
    func mayUse(_ appID: ID) -> Bool { policies?.contains { $0.allows(appID) } ?? true }

    /// Whether it may have a tenant's own tokens there, or else a user's.
    func mayUse(_ appID: ID, ofTenant: Bool) -> Bool {
        policies?.contains { $0.allows(appID, ofTenant: ofTenant) } ?? true
    }

    /// - Parameter fields: a subject, and a connection where it is about one.
    /// - Throws: `forbidden` when it may not have the tokens of the subject there: a user has their own, in any tenant, and
    ///   those of the tenants that they may act for.
    func mayHave(_ fields: JSON) throws(ConnError) {
        if isManager { return }
        let isOfUser = fields["userId"] != nil
        let isAllowed =
            if isOfUser {
                userID != nil && fields["userId"]?.id == userID
            } else {
                fields["tenantId"]?.id.map { tenants.contains($0) } ?? true
            }
        guard isAllowed else { throw ConnError(.forbidden, "these are tokens of somebody else") }
        guard let policies else { return }
        guard policies.contains(where: { $0.allows(fields["appId"]?.id, ofTenant: !isOfUser) }) else {
            throw ConnError(.forbidden, "no policy allows this")
        }
    }

    /// Whether it may have a token of any scopes.
    /// - Parameter fields: whose it is, and where.
    func mayBeGivenAny(of fields: JSON) -> Bool {
        guard let policies else { return true }
        let isOfTenant = fields["userId"] == nil
        return policies.contains { $0.allows(fields["appId"]?.id, ofTenant: isOfTenant) && $0.coversAll }
    }

    /// - Parameters:
    ///   - scopes: what a token is good for, as far as is known.
    ///   - fields: whose it is, and where.
    /// - Throws: `forbidden` when it may do more than the policies allow.
    func mayBeGiven(_ scopes: [String], of fields: JSON) throws(ConnError) {
        guard let policies else { return }
        let isOfTenant = fields["userId"] == nil
        guard policies.contains(where: { $0.allows(fields["appId"]?.id, ofTenant: isOfTenant) && $0.covers(scopes) })
        else { throw ConnError(.forbidden, "no policy allows a token of these scopes") }
    }
}
