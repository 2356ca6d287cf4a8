package import Connections
import HTTP
package import JSON
import Memory

extension OAuth {
    /// Fills the endpoints that the provider's settings leave open from its discovery document (RFC 8414, OpenID Connect
    /// Discovery). What the settings name stays.
    package static func discover(_ provider: Provider) throws(ConnError) -> Step<Provider> {
        try discoveryDocument(of: provider).then { (document) throws(ConnError) in
            .done(try provider.filled(from: document))
        }
    }

    /// Fetches the document alone, for those who keep it.
    package static func discoveryDocument(of provider: Provider) throws(ConnError) -> Step<JSON> {
        guard let url = provider.discoveryURL, URL(url)?.isSecureEndpoint == true else {
            throw ConnError(.misconfigured, "\(provider.id) has no discovery URL that is https")
        }
        let request = HTTPRequest(
            .get, url, headers: [.init("Accept", "application/json")],
            timeoutMilliseconds: provider.timeoutMilliseconds)
        return .http(request) { (result) throws(ConnError) in
            .done(try document(in: result, provider))
        }
    }

    /// Whether a callback came from the provider it should have come from (RFC 9207): stops codes that another provider
    /// hands on. A provider whose issuer neither the settings nor a discovery document name cannot be told from others.
    /// - Parameter iss: the callback's parameter.
    package static func checkIssuer(_ iss: String?, provider: Provider) throws(ConnError) {
        guard let issuer = provider.issuer else { return }
        guard let iss else {
            guard provider.requiresIssuerInCallback else { return }
            throw ConnError(.providerError, "the callback does not say that it came from \(provider.id)", field: "iss")
        }
        guard ID(iss) == ID(issuer) else {
            throw ConnError(.providerError, "the callback came from another issuer than \(provider.id)", field: "iss")
        }
    }

    private static func document(in result: HTTPResult, _ provider: Provider) throws(ConnError) -> JSON {
        switch result {
        case .failure(let failure):
            throw TokenFailure(failure, provider: provider).asConnError
        case .success(let response):
            let answer = Answer(response)
            guard answer.isSuccess, let document = answer.object else {
                var error = ConnError(
                    .unavailable, "\(provider.id) answered no discovery document (HTTP \(answer.status))")
                error.httpStatus = answer.status
                throw error
            }
            return document
        }
    }
}

extension Provider {
    /// This provider with the endpoints from its discovery document that the settings leave open.
    package func filled(from document: JSON) throws(ConnError) -> Provider {
        guard let url = discoveryURL, let issuer = document["issuer"]?.string,
            expectedIssuers(at: url).contains(where: { ID($0) == ID(issuer) })
        else {
            throw ConnError(.misconfigured, "\(id)'s discovery document belongs to another issuer")
        }
        var filled = self
        filled.issuer = issuer
        try filled.discover(\.authorizationURL, "authorization_endpoint", in: document)
        try filled.discover(\.tokenURL, "token_endpoint", in: document)
        try filled.discover(\.revocationURL, "revocation_endpoint", in: document)
        try filled.discover(\.pushedAuthorizationURL, "pushed_authorization_request_endpoint", in: document)
        guard filled.pushedAuthorizationURL != nil || document["require_pushed_authorization_requests"]?.boolean != true
        else {
            throw ConnError(.misconfigured, "\(id) wants pushed authorization requests, and does not say where")
        }
        try filled.discover(\.deviceAuthorizationURL, "device_authorization_endpoint", in: document)
        try filled.discover(\.registrationURL, "registration_endpoint", in: document)
        filled.requiresIssuerInCallback =
            document["authorization_response_iss_parameter_supported"]?.boolean ?? requiresIssuerInCallback
        if let methods = document["token_endpoint_auth_methods_supported"]?.strings {
            filled.supportedAuthMethods = methods.compactMap(AuthMethod.init)
        }
        if authMethod == nil, clientSecret != nil, let methods = filled.supportedAuthMethods,
            !methods.contains(.basic), methods.contains(.post)
        {
            filled.authMethod = .post
        }
        return filled
    }

    /// Whom the settings name: the issuer itself, or else by the place of its discovery document.
    package var namedIssuer: String? { discoveryURL.map { expectedIssuers(at: $0).first ?? $0 } ?? issuer }

    /// The settings' issuer, or else whom the document's place belongs to (RFC 8414 section 3.3, OpenID Connect Discovery
    /// section 4.3).
    private func expectedIssuers(at url: String) -> [String] {
        if let issuer { return [issuer] }
        let openID = "/.well-known/openid-configuration"
        if url.hasSuffix(openID) {
            let base = String(url.dropLast(openID.count))
            return [base, base + "/"]
        }
        guard let parsed = URL(url) else { return [] }
        for place in ["/.well-known/oauth-authorization-server", openID] where parsed.path.hasPrefix(place) {
            let path = parsed.path.dropFirst(place.count)
            guard path.isEmpty || path.hasPrefix("/") else { continue }
            return path.isEmpty ? [parsed.origin, parsed.origin + "/"] : [parsed.origin + path]
        }
        return []
    }

    private var revocationURL: String? {
        get { revocation?.url }
        set { revocation = newValue.map { Revocation(url: $0) } }
    }

    private mutating func discover(
        _ path: WritableKeyPath<Provider, String?>, _ name: String, in document: JSON
    ) throws(ConnError) {
        guard self[keyPath: path] == nil, let node = document[name] else { return }
        guard let url = node.string, URL(url)?.isSecureEndpoint == true else {
            throw ConnError(.misconfigured, "\(id)'s discovery document has a \(name) that is not https")
        }
        discovered.insert(ID(url))
        self[keyPath: path] = url
    }
}
