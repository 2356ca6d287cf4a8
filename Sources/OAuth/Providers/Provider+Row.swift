import JSON
import Runtime

extension Provider {
    /// A provider without a client, from its row of the catalogue. What the row leaves out is as the standard has it.
    init(id: String, _ row: Row) throws(Row.Problem) {
        self.init(id: id, clientID: "")
        authorizationURL = try row.required("authorizationUrl")
        tokenURL = try row.required("tokenUrl")
        refreshURL = try row.string("refreshUrl")
        deviceAuthorizationURL = try row.string("deviceAuthorizationUrl")
        introspectionURL = try row.string("introspectionUrl")
        issuer = try row.string("issuer")
        authMethod = try row.choice("tokenEndpointAuthMethod")
        scopeSeparator = try row.string("scopeSeparator") ?? scopeSeparator
        authorizeParameters = try row.pairs("authorizeParameters").map { Parameter($0.name, $0.value) }
        tokenParameters = try row.pairs("tokenParameters").map { Parameter($0.name, $0.value) }
        usesPKCE = try row.boolean("pkce") ?? usesPKCE
        accessType = try row.string("accessType")
        prompt = try row.strings("prompt") ?? []
        if let revocation = try row.row("revocation") {
            self.revocation = Revocation(url: try revocation.required("url"))
        }
        for name in Switch.all {
            if let value = try row.value(name.name) { try take(name, value) }
        }
    }
}
