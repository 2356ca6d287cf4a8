import Connections
import Crypto
import HTTP
import JSON
import Runtime

/// A request to one of the provider's endpoints that want the client's credentials. Codes, refreshes and revocations are
/// all made here, so that none of them authenticates in another way.
struct TokenRequest: Sendable {
    private(set) var parameters: [(name: String, value: RequestValue)]
    private let provider: Provider

    init(_ parameters: [(name: String, value: RequestValue)], provider: Provider) {
        self.parameters = parameters
        self.provider = provider
    }

    /// Gives parameters of this name this value.
    mutating func set(_ name: String, _ value: RequestValue) {
        parameters.removeAll { ID($0.name) == ID(name) }
        parameters.append((name, value))
    }

    mutating func add(_ name: String, _ value: RequestValue) { parameters.append((name, value)) }

    /// The request, and what keeps the secrets in it out of what is told of its reply.
    /// - Parameter token: goes into the Authorization header, in place of the client's credentials.
    func http(
        _ method: HTTPRequest.Method, _ url: String, format: Provider.BodyFormat,
        authMethod: Provider.AuthMethod, token: RequestValue? = nil, mustFinish: Bool
    ) throws(TokenFailure) -> (request: HTTPRequest, redaction: Redaction) {
        guard URL(url)?.isSecureEndpoint == true else {
            throw TokenFailure(.misconfigured, "the URL of \(provider.id) is not https")
        }
        var request = self
        var headers = [HTTPRequest.Header("Accept", "application/json")]
        if let token {
            headers.append(.init("Authorization", bearer(token)))
        } else {
            try request.authenticate(authMethod, &headers)
        }
        var body: Secret?
        if !request.parameters.isEmpty {
            switch format {
            case .form:
                headers.append(.init("Content-Type", "application/x-www-form-urlencoded"))
                body = request.form
            case .json:
                headers.append(.init("Content-Type", "application/json"))
                body = try request.json.secret
            }
        }
        var http = HTTPRequest(
            method, url, headers: headers, body: body, timeoutMilliseconds: provider.timeoutMilliseconds,
            mustFinish: mustFinish, publicAddressesOnly: provider.mustBePublic(url))
        http.connection = provider.id
        let values = request.parameters.map(\.value) + (token.map { [$0] } ?? [])
        // What an operator has the provider sent besides may be a secret too.
        let named = request.parameters.flatMap { parameter in
            parameter.value.text.map { ForeignSecrets.named(parameter.name, .string($0)) } ?? []
        }
        let redaction = Redaction(
            values.compactMap(\.node) + named,
            values.compactMap(\.secret) + (provider.clientSecret.map { [$0] } ?? []))
        return (http, redaction)
    }

    private mutating func authenticate(
        _ method: Provider.AuthMethod, _ headers: inout [HTTPRequest.Header]
    ) throws(TokenFailure) {
        if method == .none {
            set("client_id", .text(provider.clientID))
            return
        }
        guard let secret = provider.clientSecret else {
            throw TokenFailure(.misconfigured, "\(provider.id) needs a client secret for \(method.rawValue)")
        }
        switch method {
        case .basic:
            headers.append(.init("Authorization", basic(secret)))
        case .bearer:
            headers.append(.init("Authorization", bearer(.secret(secret))))
        case .post:
            set("client_id", .text(provider.clientID))
            set("client_secret", .secret(secret))
        case .none:
            break
        }
    }

    /// RFC 6749 section 2.3.1: both parts are form-encoded before base64.
    private func basic(_ secret: Secret) -> Secret {
        let pair = Secret { byte in
            RequestValue.text(provider.clientID).withBytes { formEncode($0, to: byte) }
            byte(UInt8(ascii: ":"))
            secret.withBytes { formEncode($0, to: byte) }
        }
        let encoded = Crypto.base64(pair)
        return Secret { byte in
            send("Basic ", to: byte)
            encoded.withBytes { $0.forEach(byte) }
        }
    }

    private func bearer(_ token: RequestValue) -> Secret {
        Secret { byte in
            send("Bearer ", to: byte)
            token.withBytes { $0.forEach(byte) }
        }
    }

    /// The provider's name for one of the standard's parameters.
    private func wireName(_ name: String) -> String { provider.renamedTokenParameters[ID(name)] ?? name }

    private var form: Secret {
        Secret { byte in
            for (index, parameter) in parameters.enumerated() {
                if index > 0 { byte(UInt8(ascii: "&")) }
                RequestValue.text(wireName(parameter.name)).withBytes { formEncode($0, to: byte) }
                byte(UInt8(ascii: "="))
                parameter.value.withBytes { formEncode($0, to: byte) }
            }
        }
    }

    /// A name that stands twice becomes an array.
    private var json: JSON {
        get throws(TokenFailure) {
            let object = JSON.object()
            for (name, value) in parameters {
                guard let value = value.json else {
                    throw TokenFailure(.misconfigured, "\(name) for \(provider.id) is not UTF-8")
                }
                let name = wireName(name)
                switch object[name] {
                case nil: object.set(name, value)
                case let earlier? where earlier.kind == .array: earlier.append(value)
                case let earlier?: object.set(name, .array([earlier, value]))
                }
            }
            return object
        }
    }
}
