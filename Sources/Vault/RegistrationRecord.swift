internal import JSON
internal import Memory
internal import OAuth

/// The clients that a provider made for a connection (RFC 7591). A grant belongs to the client that it was given to, so
/// that earlier ones stay for the grants that they have.
struct RegistrationRecord: Record {
    /// Beyond so many the first one goes.
    private static let maxClients = 64

    /// The latest one last; never empty.
    private(set) var clients: [RegisteredClient]

    init(_ client: RegisteredClient) { clients = [client] }

    init?(json: JSON) {
        clients = json["clients"]?.elements.compactMap(RegisteredClient.init) ?? []
        if clients.isEmpty { return nil }
    }

    var json: JSON { .object(["clients": .array(clients.map(\.json))]) }

    func adding(_ client: RegisteredClient) -> RegistrationRecord {
        var record = self
        record.clients = (clients + [client]).suffix(Self.maxClients)
        return record
    }

    /// - Parameter id: nil is the latest.
    func client(_ id: ID?) -> RegisteredClient? {
        guard let id else { return clients.last }
        return clients.last { ID($0.registration.clientID) == id }
    }
}

struct RegisteredClient: Sendable {
    let redirectURIs: [String]
    let registration: Registration

    init(_ registration: Registration, redirectURIs: [String]) {
        self.registration = registration
        self.redirectURIs = redirectURIs
    }

    init?(json: JSON) {
        guard let redirectURIs = json["redirectUris"]?.strings, let clientID = json["clientId"]?.string,
            let authMethod = json["authMethod"]?.string.flatMap(Provider.AuthMethod.init)
        else { return nil }
        self.redirectURIs = redirectURIs
        registration = Registration(
            clientID: clientID, clientSecret: json["clientSecret"]?.stringSecret, authMethod: authMethod,
            secretExpiresAt: json["secretExpiresAt"]?.integer, managementToken: json["managementToken"]?.stringSecret,
            managementURL: json["managementUrl"]?.string)
    }

    var json: JSON {
        .object([
            "redirectUris": .strings(redirectURIs),
            "clientId": .string(registration.clientID),
            "clientSecret": registration.clientSecret?.json,
            "authMethod": .string(registration.authMethod.rawValue),
            "secretExpiresAt": registration.secretExpiresAt.map { .integer($0) },
            "managementToken": registration.managementToken?.json,
            "managementUrl": registration.managementURL.map(JSON.string),
        ])
    }

    /// - Parameter now: seconds since 1970.
    func isAlive(now: Int64) -> Bool { registration.secretExpiresAt.map { now < $0 } ?? true }

    /// The connection with this client in its settings, as if nobody had registered it.
    func client(of app: AppRecord) -> AppRecord {
        app.changed { settings in
            settings.remove("useDcr")
            settings.set("clientId", .string(registration.clientID))
            settings.set("tokenEndpointAuthMethod", .string(registration.authMethod.rawValue))
            if let secret = registration.clientSecret?.json { settings.set("clientSecret", secret) }
        }
    }

    func client(of provider: Provider) -> Provider {
        var provider = provider
        provider.clientID = registration.clientID
        provider.clientSecret = registration.clientSecret
        provider.authMethod = registration.authMethod
        return provider
    }
}
