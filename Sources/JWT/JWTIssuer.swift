package import Connections
internal import HTTP
package import JSON
package import Runtime

/// Somebody whose JWTs are taken: an `ApiIssuer` of the config.
package struct JWTIssuer: Sendable {
    /// A Descope project, which is an issuer by several names.
    private let projectID: ID?
    /// The issuer's only name; for a project, where its URLs begin.
    private let name: ID
    /// Empty: a JWT must have none, or be for the project.
    private let audiences: [ID]
    /// A scope without which a JWT is of no use for the API.
    package let requiredScope: ID?
    let keys: JWTKeySource

    /// - Throws: `invalid_config`, with the field.
    package init(_ json: JSON, field: String) throws(ConnError) {
        let project = json["projectId"]?.string.map(DescopeProject.init)
        if case .some(nil) = project {
            throw .invalidConfig("\(field).projectId", "holds a character that is no ASCII letter or digit")
        }
        projectID = (project ?? nil).map { ID($0.id) }
        let base = (json["baseUrl"]?.string ?? project??.baseURL ?? "").withoutEndingSlash
        let url = json["jwksUrl"]?.string ?? projectID.map { "\(base)/v2/keys/\($0)" }
        switch (projectID, json["issuer"]?.id) {
        case (nil, let issuer?): name = issuer
        case (_?, nil): name = ID(base)
        case (nil, nil): throw .invalidConfig("\(field).issuer", "or projectId is missing")
        case (_?, _?): throw .invalidConfig("\(field).issuer", "cannot be combined with projectId")
        }
        if projectID == nil, json["baseUrl"] != nil {
            throw .invalidConfig("\(field).baseUrl", "is a project's: set jwksUrl for another issuer")
        }
        switch (json["jwks"], url) {
        case (let set?, _):
            guard json["jwksUrl"] == nil else {
                throw .invalidConfig("\(field).jwks", "cannot be combined with jwksUrl")
            }
            guard let keys = JWTKeySet(set) else {
                throw .invalidConfig("\(field).jwks", "has no key that a signature can be verified with")
            }
            self.keys = JWTKeySource(keys)
        case (nil, let url?): keys = JWTKeySource(url: url)
        case (nil, nil): throw .invalidConfig("\(field).jwksUrl", "or jwks is missing")
        }
        audiences = (json["audiences"]?.strings ?? []).map { ID($0) }
        requiredScope = json["requiredScope"]?.id
    }

    /// Whether it is the one that `iss` names: for a project that is its id, or a URL of Descope's whose path ends in it, or
    /// in it and one part more.
    func isNamed(_ iss: ID) -> Bool {
        guard let projectID else { return iss == name }
        if iss == projectID { return true }
        let beginning = name.text + "/"
        guard iss.text.utf8.starts(with: beginning.utf8) else { return false }
        let parts = iss.text.utf8.dropFirst(beginning.utf8.count)
            .split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return parts.suffix(2).contains { $0.elementsEqual(projectID.text.utf8) }
    }

    /// - Parameter aud: the claim (RFC 7519 section 4.1.3); nil where there is none.
    func isFor(_ aud: JSON?) -> Bool {
        let given = (aud?.strings ?? aud?.string.map { [$0] } ?? []).map { ID($0) }
        if !audiences.isEmpty { return given.contains { audiences.contains($0) } }
        return aud == nil || projectID.map { given.contains($0) } ?? false
    }
}

extension String {
    fileprivate var withoutEndingSlash: String { utf8.last == UInt8(ascii: "/") ? String(dropLast()) : self }
}
