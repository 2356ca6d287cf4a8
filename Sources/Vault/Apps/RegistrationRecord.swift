internal import JSON
internal import OAuth
internal import Runtime

/// A client that a provider made for a connection (RFC 7591), in a row of its own. A grant belongs to the client that it was
/// given to, so that it stays as long as a token names it.
struct RegisteredClient: Record {
    let redirectURIs: [String]
    let registration: Registration
    /// When it was last used to ask for new grants, about. Seconds since 1970.
    var usedAt: Int64 = 0

    init(_ registration: Registration, redirectURIs: [String], usedAt: Int64) {
        self.registration = registration
        self.redirectURIs = redirectURIs
        self.usedAt = usedAt
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
        usedAt = json["usedAt"]?.integer ?? 0
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
            "usedAt": .integer(usedAt),
        ])
    }

    var id: ID { ID(registration.clientID) }

    /// - Parameter now: seconds since 1970.
    func isAlive(now: Int64) -> Bool { registration.secretExpiresAt.map { now < $0 } ?? true }

    /// The connection with this client in its settings, as if nobody had registered it.
    func client(of app: AppRecord) -> AppRecord {
        app.asClient(
            registration.clientID, secret: registration.clientSecret, authMethod: registration.authMethod)
    }

    func client(of provider: Provider) -> Provider {
        var provider = provider
        provider.clientID = registration.clientID
        provider.clientSecret = registration.clientSecret
        provider.authMethod = registration.authMethod
        return provider
    }
}

extension AppRecord {
    /// The connection with the provider's client in its settings, where that was registered for it: its own row may go with
    /// the connection before all is done that needs it.
    func asClient(of provider: Provider) -> AppRecord {
        guard registers else { return self }
        return asClient(provider.clientID, secret: provider.clientSecret, authMethod: provider.authMethod)
    }

    fileprivate func asClient(
        _ id: String, secret: Secret?, authMethod: Provider.AuthMethod?
    ) -> AppRecord {
        changed { settings in
            settings.remove("useDcr")
            settings.set("clientId", .string(id))
            if let authMethod { settings.set("tokenEndpointAuthMethod", .string(authMethod.rawValue)) }
            if let secret = secret?.json { settings.set("clientSecret", secret) }
        }
    }
}

/// Which of a connection's clients asks for new grants by some redirect URIs. That by none is the latest of all.
struct ClientChoice: Record {
    /// So many clients are kept whether or not anything needs them.
    static let spare: Int64 = 64

    var clientID: ID
    /// How many clients there are, about; counted by the latest.
    var count: Int64 = 0
    /// With so many it is looked which of them are needed.
    var sweepAt = spare

    init(_ clientID: ID) { self.clientID = clientID }

    init?(json: JSON) {
        guard let clientID = json["clientId"]?.id, let count = json["count"]?.integer,
            let sweepAt = json["sweepAt"]?.integer
        else { return nil }
        self.clientID = clientID
        self.count = count
        self.sweepAt = sweepAt
    }

    var json: JSON {
        .object(["clientId": .string(clientID), "count": .integer(count), "sweepAt": .integer(sweepAt)])
    }
}

/// The clients of a connection at a provider as earlier versions kept them.
struct RegistrationRecord: Record {
    /// The latest one last; never empty.
    private let clients: [RegisteredClient]

    init?(json: JSON) {
        clients = json["clients"]?.elements.compactMap(RegisteredClient.init) ?? []
        if clients.isEmpty { return nil }
    }

    var json: JSON { .object(["clients": .array(clients.map(\.json))]) }

    /// - Parameter id: nil is the latest.
    func client(_ id: ID?) -> RegisteredClient? {
        guard let id else { return clients.last }
        return clients.last { $0.id == id }
    }
}
