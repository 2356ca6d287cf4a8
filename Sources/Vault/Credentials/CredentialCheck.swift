internal import Connections
internal import Crypto
internal import HTTP
internal import JSON
internal import Runtime

/// A request that tells whether a service accepts a credential: the setting `credentialCheck`.
struct CredentialCheck: Sendable {
    private let method: HTTPRequest.Method
    private let url: String
    private let headers: [(name: String, value: Template)]
    /// With HTTP Basic authentication (RFC 7617): the user's name and the password.
    private let basic: (userName: Template, password: Template)?

    /// Headers that are the library's own, or that frame the message.
    private static let refusedHeaders: [ID] = [
        "host", "content-length", "transfer-encoding", "connection", "keep-alive", "expect", "te", "trailer",
        "upgrade", "proxy-authorization", "proxy-connection",
    ]

    /// - Parameters:
    ///   - json: a `CredentialCheck`.
    ///   - fields: the names that may stand in braces.
    init(_ json: JSON, fields: [ID]) throws(ConnError) {
        method = json["method"]?.string.flatMap(HTTPRequest.Method.init) ?? .get
        url = json["url"]?.string ?? ""
        var headers: [(name: String, value: Template)] = []
        for (name, value) in json["headers"]?.texts ?? [:] {
            let isToken = name.text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || byte == UInt8(ascii: "-")
                    || byte == UInt8(ascii: "_")
            }
            guard isToken, !Self.refusedHeaders.contains(ID(name.text.lowercased())) else {
                throw .invalid("credentialCheck.headers", "holds a header that cannot be set")
            }
            headers.append((name.text, try Template(value, fields, "credentialCheck.headers")))
        }
        if json["userName"] != nil, headers.contains(where: { ID($0.name.lowercased()) == "authorization" }) {
            throw .invalid("credentialCheck.headers", "cannot have Authorization beside userName")
        }
        self.headers = headers
        let userName = json["userName"]?.string
        let password = json["password"]?.string
        guard userName != nil || password == nil else { throw .invalid("credentialCheck.userName", "is missing") }
        basic = try userName.map { (userName) throws(ConnError) in
            (
                try Template(userName, fields, "credentialCheck.userName"),
                try Template(password ?? "", fields, "credentialCheck.password")
            )
        }
    }

    /// - Throws: `provider_error` when the service does not accept it; `unavailable`, `rate_limited` or `misconfigured` when it
    ///   does not tell. Their field is `apiKey`.
    func ask(_ credential: Credential, of app: ID, timeoutMilliseconds: Int) -> Step<Void> {
        let request = HTTPRequest(
            method, url, headers: filled(credential), body: method == .post ? Secret("") : nil,
            timeoutMilliseconds: timeoutMilliseconds)
        return .http(request) { (result) throws(ConnError) in
            switch result {
            case .failure:
                throw ConnError(
                    .unavailable, "\(app) could not be asked whether it accepts the key", field: CredentialName.key.text
                )
            case .success(let response):
                guard let (code, problem) = Self.problem(response.status) else { return .done(()) }
                var error = ConnError(code, "\(app) \(problem)", field: CredentialName.key.text)
                error.httpStatus = response.status
                error.appID = app
                throw error
            }
        }
    }

    /// What a status says of the credential; nil if nothing is wrong. Some services say 400 or 404 of a key that they do not
    /// know.
    private static func problem(_ status: Int) -> (ErrorCode, String)? {
        switch status {
        case 200...299: nil
        case 400, 401, 403, 404: (.providerError, "does not accept the key")
        case 429: (.rateLimited, "does not tell yet whether it accepts the key")
        case 500...599: (.unavailable, "could not tell whether it accepts the key")
        default: (.misconfigured, "answered the request of credentialCheck with a status that says nothing of the key")
        }
    }

    private func filled(_ credential: Credential) -> [HTTPRequest.Header] {
        var filled = headers.map { header in
            HTTPRequest.Header(header.name, Secret { header.value.write(credential, to: $0) })
        }
        if let basic {
            let pair = Secret { byte in
                basic.userName.write(credential, to: byte)
                byte(UInt8(ascii: ":"))
                basic.password.write(credential, to: byte)
            }
            let encoded = Crypto.base64(pair)
            filled.append(
                HTTPRequest.Header(
                    "Authorization",
                    Secret { byte in
                        "Basic ".utf8.forEach(byte)
                        encoded.withBytes { $0.forEach(byte) }
                    }))
        }
        return filled
    }
}

/// A text in which `{name}` stands for what was entered.
private struct Template: Sendable {
    private enum Part: Sendable {
        case text(String)
        case field(ID)
    }

    private let parts: [Part]

    init(_ text: String, _ fields: [ID], _ path: String) throws(ConnError) {
        var parts: [Part] = []
        var rest = text[...]
        while let open = rest.firstIndex(of: "{") {
            guard let close = rest[open...].firstIndex(of: "}") else {
                throw .invalid(path, "has a brace that nothing closes")
            }
            let name = ID(String(rest[rest.index(after: open)..<close]))
            guard fields.contains(name) else { throw .invalid(path, "names what is no credential of this connection") }
            parts += [.text(String(rest[..<open])), .field(name)]
            rest = rest[rest.index(after: close)...]
        }
        self.parts = parts + [.text(String(rest))]
    }

    func write(_ credential: Credential, to send: (UInt8) -> Void) {
        for part in parts {
            switch part {
            case .text(let text): text.utf8.forEach(send)
            case .field(let name): credential[name]?.withStringBytes { $0.forEach(send) }
            }
        }
    }
}
