package import Connections
internal import HTTP
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
        var origins: [ID] = []
        for (index, origin) in (json?["origins"]?.strings ?? []).enumerated() {
            let url = URL(origin)
            guard url?.webOrigin == origin, url?.host != "",
                origin.utf8.allSatisfy({ $0 < 0x80 && $0 != UInt8(ascii: "*") })
            else {
                throw .invalidConfig(
                    "api.origins[\(index)]", "is not an origin as browsers send it, such as https://app.example.com")
            }
            origins.append(ID(origin))
        }
        self.origins = origins
    }

    /// - Parameter origin: an Origin header; "null" is nobody's.
    func allows(_ origin: ID?) -> Bool { origin.map(origins.contains) ?? false }
}
