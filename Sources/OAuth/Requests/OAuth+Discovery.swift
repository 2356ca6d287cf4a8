package import Connections
import HTTP
package import JSON
import Runtime

extension OAuth {
    /// Fills the endpoints that the provider's settings leave open from its discovery document (RFC 8414, OpenID Connect
    /// Discovery). What the settings name stays.
    package static func discover(_ provider: Provider) throws(ConnError) -> Step<Provider> {
        try discoveryDocument(of: provider).then { (document) throws(ConnError) in
            .done(try provider.filled(from: document))
        }
    }

    /// Fetches the document alone, for those who keep it. Endpoints in it that cannot be used and need not be there are left
    /// out, and the log says so. Errors speak of the document, and not of the connection that asks for it.
    ///
    /// Each place is asked until one has a document of the issuer that has the endpoints which browsers and codes need. One
    /// of another issuer is never used; one of the right issuer that has less is, if there is none better.
    package static func discoveryDocument(of provider: Provider) throws(ConnError) -> Step<JSON> {
        try discoveryDocument(of: provider, at: provider.discoveryURLs[...], else: nil)
    }

    /// - Parameters:
    ///   - urls: where it may be.
    ///   - fallback: what the places before had, or why they had nothing.
    private static func discoveryDocument(
        of provider: Provider, at urls: ArraySlice<String>, else fallback: Result<JSON, ConnError>?
    ) throws(ConnError) -> Step<JSON> {
        guard let url = urls.first, URL(url)?.isSecureEndpoint == true else {
            throw ConnError(.misconfigured, "\(provider.id) has no discovery URL that is https")
        }
        let request = HTTPRequest(
            .get, url, headers: [.init("Accept", "application/json")],
            timeoutMilliseconds: provider.timeoutMilliseconds)
        return .http(request) { (result) throws(ConnError) in
            let found: Result<JSON, ConnError>
            switch result {
            case .failure(let failure):
                var document = provider
                document.id = url
                found = .failure(TokenFailure(failure, provider: document).asConnError)
                // What fails for the server as a whole does so elsewhere, and takes its time.
                guard [.interrupted, .tooLarge].contains(failure.kind) else {
                    if case .success(let document) = fallback { return .done(document) }
                    return .done(try found.get())
                }
            case .success(let response):
                found = provider.metadata(in: Answer(response), at: url)
                if case .success(let document) = found, Provider.isComplete(document) { return .done(document) }
            }
            let others = urls.dropFirst()
            let best = better(fallback, found)
            return others.isEmpty ? .done(try best.get()) : try discoveryDocument(of: provider, at: others, else: best)
        }
    }

    /// A document goes before an error; an error that may pass, since the right document may be there, before one that the
    /// operator may mend, and this before there being none.
    private static func better(
        _ earlier: Result<JSON, ConnError>?, _ later: Result<JSON, ConnError>
    ) -> Result<JSON, ConnError> {
        func rank(_ result: Result<JSON, ConnError>) -> Int {
            guard case .failure(let error) = result else { return 0 }
            if error.code == .misconfigured { return 2 }
            return error.httpStatus.map { $0 >= 500 || $0 == 429 } ?? true ? 1 : 3
        }
        guard let earlier, rank(earlier) < rank(later) || rank(earlier) == 0 else { return later }
        return earlier
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
        guard Issuer.isSame(iss, as: issuer) else {
            throw ConnError(.providerError, "the callback came from another issuer than \(provider.id)", field: "iss")
        }
    }
}

extension Provider {
    /// Endpoints of a discovery document without which something may still work.
    private static let optionalEndpoints = [
        "revocation_endpoint", "pushed_authorization_request_endpoint", "device_authorization_endpoint",
        "registration_endpoint",
    ]

    /// The discovery document, without optional endpoints that cannot be used.
    fileprivate func metadata(in answer: Answer, at url: String) -> Result<JSON, ConnError> {
        guard answer.isSuccess, let document = answer.object, document["issuer"] != nil else {
            var error = ConnError(.unavailable, "there is no discovery document at \(url) (HTTP \(answer.status))")
            error.httpStatus = answer.status
            return .failure(error)
        }
        // What stands there twice is not known, whoever reads it.
        for name in answer.ambiguousMembers { document.set(name, .boolean(false)) }
        guard issuer(of: document) != nil else { return .failure(Self.foreign(url)) }
        for name in Self.optionalEndpoints where document[name] != nil && Self.endpoint(name, in: document) == nil {
            Log.write(.warning, "\(url): its \(name) is not an https URL, and is not used")
            document.remove(name)
        }
        return .success(document)
    }

    /// - Parameter place: of the document.
    private static func foreign(_ place: String) -> ConnError {
        ConnError(
            .misconfigured,
            "the discovery document at \(place) belongs to another issuer: set issuer if it is the right one after all",
            field: "issuer")
    }

    /// Whose a document is; nil when that is not whom the settings name.
    private func issuer(of document: JSON) -> String? {
        guard let named = document["issuer"]?.string, expectedIssuers.contains(where: { isIssuer(named, expected: $0) })
        else { return nil }
        return named
    }

    /// Whether a document has what authorization codes need.
    fileprivate static func isComplete(_ document: JSON) -> Bool {
        ["authorization_endpoint", "token_endpoint"].allSatisfy { endpoint($0, in: document) != nil }
    }

    private static func endpoint(_ name: String, in document: JSON) -> String? {
        document[name]?.string.flatMap { URL($0)?.isSecureEndpoint == true ? $0 : nil }
    }

    /// Where the discovery document may be, if the settings want one: as they say, or where their issuer has it if they leave
    /// endpoints open. In the order in which to ask.
    package var discoveryURLs: [String] {
        if let discoveryURL {
            let urls = MetadataPlace(discoveryURL).urls
            // With an issuer of its own, the document may be anywhere.
            return issuer == nil || urls == [discoveryURL] ? urls : [discoveryURL] + urls
        }
        guard let issuer, authorizationURL == nil || tokenURL == nil, !Issuer.hasPlaceholder(issuer) else { return [] }
        return MetadataPlace(issuer).urls
    }

    /// This provider with the endpoints from its discovery document that the settings leave open.
    package func filled(from document: JSON) throws(ConnError) -> Provider {
        guard let named = issuer(of: document) else { throw Self.foreign(discoveryURLs.first ?? id) }
        var filled = self
        filled.issuer = issuer ?? named
        try filled.discover(\.authorizationURL, "authorization_endpoint", in: document)
        try filled.discover(\.tokenURL, "token_endpoint", in: document)
        try filled.discover(\.revocationURL, "revocation_endpoint", in: document)
        try filled.discover(\.pushedAuthorizationURL, "pushed_authorization_request_endpoint", in: document)
        guard filled.pushedAuthorizationURL != nil || document["require_pushed_authorization_requests"]?.boolean != true
        else {
            throw ConnError(
                .misconfigured, "\(id) requires pushed authorization requests but does not say where to send them")
        }
        try filled.discover(\.deviceAuthorizationURL, "device_authorization_endpoint", in: document)
        try filled.discover(\.registrationURL, "registration_endpoint", in: document)
        if document["authorization_response_iss_parameter_supported"]?.isTrue ?? false {
            filled.requiresIssuerInCallback = true
        }
        if let methods = document["token_endpoint_auth_methods_supported"], methods.kind == .array {
            let supported = methods.elements.compactMap { $0.string.flatMap(AuthMethod.init) }
            guard authMethod != nil || !supported.isEmpty || methods.elements.isEmpty else {
                let names = methods.strings?.joined(separator: ", ") ?? "others"
                throw ConnError(
                    .misconfigured, "\(id) takes no client that this library can be: only \(names.prefix(200))",
                    field: "tokenEndpointAuthMethod")
            }
            filled.supportedAuthMethods = supported
        }
        if authMethod == nil, clientSecret != nil, let methods = filled.supportedAuthMethods,
            !methods.contains(.basic), methods.contains(.post)
        {
            filled.authMethod = .post
        }
        return filled
    }

    /// Whom the settings name: the issuer itself, or else by the place of its discovery document.
    package var namedIssuer: String? { issuer ?? discoveryURL.map { MetadataPlace($0).issuers.first ?? $0 } }

    /// The settings' issuer, or else whom the document's place belongs to (RFC 8414 section 3.3, OpenID Connect Discovery
    /// section 4.3): a document of any other is not taken.
    package var expectedIssuers: [String] {
        if let issuer { return [issuer] }
        return discoveryURL.map { MetadataPlace($0).issuers } ?? []
    }

    /// A document of many tenants (Entra's `common` and `organizations`) names a pattern, which the place, or the issuer of one
    /// tenant that the settings name, must fit.
    private func isIssuer(_ named: String, expected: String) -> Bool {
        ID(named) == ID(expected) || Issuer.isSame(expected, as: named)
    }

    private var revocationURL: String? {
        get { revocation?.url }
        set { revocation = newValue.map { Revocation(url: $0) } }
    }

    private mutating func discover(
        _ path: WritableKeyPath<Provider, String?>, _ name: String, in document: JSON
    ) throws(ConnError) {
        guard self[keyPath: path] == nil, document[name] != nil else { return }
        guard let url = Self.endpoint(name, in: document) else {
            throw ConnError(.misconfigured, "\(id)'s discovery document has a \(name) that is not https")
        }
        discovered.insert(ID(url))
        self[keyPath: path] = url
    }
}

extension JSON {
    /// Some servers write it as text.
    fileprivate var isTrue: Bool { boolean ?? string.map { ID($0.asciiLowercased) == "true" } ?? false }
}
