package import Runtime

/// Whose token it is. A user's token inside a tenant is another one than the same user's outside of it.
package enum Subject: Sendable, Hashable {
    case user(ID)
    case userInTenant(user: ID, tenant: ID)
    case tenant(ID)

    package init?(userID: ID?, tenantID: ID?) {
        switch (userID, tenantID) {
        case (let user?, let tenant?): self = .userInTenant(user: user, tenant: tenant)
        case (let user?, nil): self = .user(user)
        case (nil, let tenant?): self = .tenant(tenant)
        case (nil, nil): return nil
        }
    }

    package var userID: ID? {
        switch self {
        case .user(let user), .userInTenant(let user, _): user
        case .tenant: nil
        }
    }

    package var tenantID: ID? {
        switch self {
        case .user: nil
        case .userInTenant(_, let tenant), .tenant(let tenant): tenant
        }
    }
}
