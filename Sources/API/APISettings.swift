package import Connections
package import JSON
internal import JWT
internal import Runtime

/// Who may use the API: the member `api` of the vault's config.
package struct APISettings: Sendable {
    let projectID: ID?
    let issuers: [JWTIssuer]
    /// Nil where there are none to go by.
    let policies: [APIPolicy]?
    private let origins: [ID]

    /// - Parameter json: an `ApiSettings`; nil is none.
    /// - Throws: `invalid_config`, with the field.
    package init(_ json: JSON?) throws(ConnError) {
        projectID = json?["projectId"]?.id
        var issuers: [JWTIssuer] = []
        for (index, issuer) in (json?["issuers"]?.elements ?? []).enumerated() {
            issuers.append(try JWTIssuer(issuer, field: "api.issuers[\(index)]"))
        }
        self.issuers = issuers
        policies = json?["policies"]?.elements.map(APIPolicy.init)
        origins = (json?["origins"]?.strings ?? []).map { ID($0) }
    }

    /// - Parameter origin: an Origin header; "null" is nobody's.
    func allows(_ origin: ID?) -> Bool { origin.map { $0 != "null" && origins.contains($0) } ?? false }
}
