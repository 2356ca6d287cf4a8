package import JSON
package import Runtime

/// Who is signed in where a connect URL is opened, or where its callback arrives.
package struct Opener: Sendable {
    package let subject: Subject?
    /// The tenants that this user may act for.
    package let tenants: [ID]

    /// - Parameter json: an object with the members `userId`, `tenantId` and `tenants`.
    package init(_ json: JSON) {
        subject = Subject(userID: json["userId"]?.id, tenantID: json["tenantId"]?.id)
        tenants = json["tenants"]?.strings?.map { ID($0) } ?? []
    }

    /// Whether a connect URL that was made for `other` is this opener's to follow: it is the same subject, or a tenant, or
    /// the same user in a tenant, that the user may act for.
    package func mayActFor(_ other: Subject) -> Bool {
        if subject == other { return true }
        guard let tenant = other.tenantID, tenants.contains(tenant) else { return false }
        return other.userID == nil || other.userID == subject?.userID
    }
}
