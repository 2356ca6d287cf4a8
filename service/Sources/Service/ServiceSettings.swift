import DescopeConn

/// What the service is told: docs/service.md lists the settings.
public struct ServiceSettings: Sendable {
    /// An address to listen at.
    public struct Address: Sendable, Equatable {
        public let host: String
        public let port: Int

        /// - Parameter text: HOST:PORT; an IPv6 address stands in brackets.
        public init(_ text: String, setting: String) throws {
            guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
                (0...65535).contains(port), colon != text.startIndex
            else { throw ServiceError("\(setting) must be HOST:PORT, such as 127.0.0.1:8080") }
            var host = text[..<colon]
            if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
            self.host = String(host)
            self.port = port
        }

        /// Whether nobody outside of this machine reaches it.
        public var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

        /// As a URL has it.
        var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    struct TLS: Sendable {
        let certificate: String
        let key: String
    }

    /// How users sign in at the pages.
    struct SignIn: Sendable {
        /// A connection of the vault to an OpenID provider.
        let connection: String?
        /// Another page that signs users in.
        let url: String?
    }

    /// Opens the vault; `connectPageUrl` and `redirectUrl` are the service's own unless they are named.
    public let vault: [String: JSON]
    let listen: Address
    let administration: Address?
    /// Without a final slash, as browsers see it.
    let publicURL: PublicURL
    let tls: TLS?
    let trustedProxies: [AddressRange]
    let product: String?
    let apps: JSON?
    let openerOrigin: String?
    let signIn: SignIn
    let administrators: Members
    /// Who may act for a tenant: those who have one of these roles in it.
    let tenantRoles: [String]
    /// Whether users who are administrators reach the console by the public address too.
    let isConsolePublic: Bool
    let maxConnections: Int
    let maxRequests: Int
    /// Of one address; nil: as many as come.
    let requestsPerMinute: Int?
    /// How long a request may take to come in. Seconds.
    let requestSeconds: Int
    /// How long the service finishes what it has begun when it is told to stop. Seconds.
    let stopSeconds: Int
    let logLevel: String
    /// One user, who is signed in and an administrator.
    let isDevelopment: Bool

    struct Members: Sendable {
        let users: [String]
        let roles: [String]

        func contain(user: String, roles: [String]) -> Bool {
            users.contains(user) || self.roles.contains { roles.contains($0) }
        }
    }

    /// Below the public URL.
    public static let pagesPath = "/connections"

    public static let names = [
        "vault", "listen", "administration", "publicUrl", "tls", "trustedProxies", "pages", "signIn", "administrators",
        "limits", "stopSeconds", "logLevel",
    ]

    /// - Parameters:
    ///   - json: the settings' file, with what the environment and the arguments say in its place.
    ///   - isDevelopment: whether there is no sign-in: loopback only.
    public init(_ json: JSON, isDevelopment: Bool) throws {
        let reader = try SettingsReader(json, known: Self.names)
        listen = try Address(try reader.string("listen") ?? "127.0.0.1:8080", setting: "listen")
        administration = try reader.string("administration").map { try Address($0, setting: "administration") }
        if isDevelopment, !listen.isLoopback {
            throw ServiceError("without sign-in (--dev) the service listens at a loopback address alone")
        }
        let ownURL = "http://\(listen.authority)"
        guard let url = try reader.string("publicUrl") ?? (isDevelopment ? ownURL : nil) else {
            throw ServiceError("publicUrl is missing: the URL under which browsers see the service")
        }
        publicURL = try PublicURL(url, setting: "publicUrl")
        let tls = try reader.object("tls", known: ["certificate", "key"])
        self.tls = try tls.map { tls in
            guard let certificate = try tls.string("certificate"), let key = try tls.string("key") else {
                throw ServiceError("tls must have certificate and key, the paths of PEM files")
            }
            return TLS(certificate: certificate, key: key)
        }
        trustedProxies = try (reader.strings("trustedProxies") ?? []).map { text in
            guard let range = AddressRange(text) else {
                throw ServiceError("trustedProxies must be IP addresses, or networks such as 10.0.0.0/8")
            }
            return range
        }
        let pages = try reader.object(
            "pages", known: ["product", "apps", "openerOrigin", "tenantRoles", "console"])
        product = try pages?.string("product")
        apps = try pages?.strings("apps").map { .array($0.map(JSON.string)) }
        openerOrigin = try pages?.string("openerOrigin")
        tenantRoles = try pages?.strings("tenantRoles") ?? []
        isConsolePublic = isDevelopment || pages?.json("console") == .bool(true)
        let signIn = try reader.object("signIn", known: ["connection", "url"])
        self.signIn = SignIn(connection: try signIn?.string("connection"), url: try signIn?.string("url"))
        let administrators = try reader.object("administrators", known: ["users", "roles"])
        self.administrators = Members(
            users: try administrators?.strings("users") ?? [], roles: try administrators?.strings("roles") ?? [])
        let limits = try reader.object(
            "limits", known: ["connections", "requests", "requestsPerMinute", "requestSeconds"])
        maxConnections = try limits?.integer("connections", in: 1...1_000_000) ?? 4096
        maxRequests = try limits?.integer("requests", in: 1...1_000_000) ?? 1024
        requestsPerMinute = try limits?.integer("requestsPerMinute", in: 1...1_000_000)
        requestSeconds = try limits?.integer("requestSeconds", in: 1...600) ?? 10
        stopSeconds = try reader.integer("stopSeconds", in: 0...3600) ?? 30
        logLevel = try reader.string("logLevel") ?? "info"
        guard ["debug", "info", "warning", "error"].contains(logLevel) else {
            throw ServiceError("logLevel must be debug, info, warning or error")
        }
        self.isDevelopment = isDevelopment
        var vault: [String: JSON] = [:]
        if let given = reader.json("vault") {
            guard case .object(let members) = given else { throw ServiceError("vault must be an object") }
            vault = members
        }
        vault["backend"] = "vault"
        let base = publicURL.text + Self.pagesPath
        if vault["connectPageUrl"] == nil { vault["connectPageUrl"] = .string("\(base)/connect") }
        if vault["redirectUrl"] == nil { vault["redirectUrl"] = .string("\(base)/callback") }
        self.vault = vault
    }
}

/// A URL under which browsers see the service.
struct PublicURL: Sendable {
    /// Without a final slash.
    let text: String
    let isSecure: Bool
    /// The host, with the port unless it is the scheme's own, in lower case.
    let authority: String

    init(_ text: String, setting: String) throws {
        let trimmed = text.hasSuffix("/") ? String(text.dropLast()) : text
        let parts = trimmed.split(separator: "://", maxSplits: 1)
        guard parts.count == 2, ["https", "http"].contains(parts[0]), !parts[1].isEmpty,
            !parts[1].contains(where: { "/?#@ ".contains($0) })
        else { throw ServiceError("\(setting) must be a URL without a path, such as https://connections.example.com") }
        self.text = trimmed
        isSecure = parts[0] == "https"
        authority = Self.normal(String(parts[1]), isSecure: isSecure)
    }

    /// Whether a request's Host header names it. Other sites can lead their names to this address (DNS rebinding).
    func isNamed(by host: String?) -> Bool { host.map { Self.normal($0, isSecure: isSecure) == authority } ?? false }

    private static func normal(_ authority: String, isSecure: Bool) -> String {
        let lower = authority.lowercased()
        let port = isSecure ? ":443" : ":80"
        return lower.hasSuffix(port) ? String(lower.dropLast(port.count)) : lower
    }
}
