/// Whose token it is. A user's token inside a tenant is another one than the same user's outside of it.
package enum Subject: Sendable, Hashable {
    case user(String)
    case userInTenant(user: String, tenant: String)
    case tenant(String)

    package init?(userID: String?, tenantID: String?) {
        switch (userID, tenantID) {
        case (let user?, let tenant?): self = .userInTenant(user: user, tenant: tenant)
        case (let user?, nil): self = .user(user)
        case (nil, let tenant?): self = .tenant(tenant)
        case (nil, nil): return nil
        }
    }

    package var userID: String? {
        switch self {
        case .user(let user), .userInTenant(let user, _): user
        case .tenant: nil
        }
    }

    package var tenantID: String? {
        switch self {
        case .user: nil
        case .userInTenant(_, let tenant), .tenant(let tenant): tenant
        }
    }
}
