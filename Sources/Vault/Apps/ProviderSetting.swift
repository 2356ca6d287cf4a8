internal import Connections
internal import JSON
internal import OAuth
internal import Runtime

/// A setting of a connection that a provider template may have a value for too: the connection's own goes before.
struct ProviderSetting: Sendable {
    /// The wire name.
    let name: String
    let read: @Sendable (Provider) -> JSON?
    let write: @Sendable (JSON, inout Provider) -> Void

    static let all: [ProviderSetting] = named + Switch.all.map(ProviderSetting.init)

    private static let named: [ProviderSetting] = [
        text("discoveryUrl", \.discoveryURL),
        text("authorizationUrl", \.authorizationURL),
        text("tokenUrl", \.tokenURL),
        text("refreshUrl", \.refreshURL),
        text("deviceAuthorizationUrl", \.deviceAuthorizationURL),
        text("introspectionUrl", \.introspectionURL),
        text("dcrUrl", \.registrationURL),
        text("issuer", \.issuer),
        text("accessType", \.accessType),
        ProviderSetting(
            name: "revocationUrl", read: { $0.revocation.map { .string($0.url) } },
            write: { value, provider in
                guard let url = value.string else { return }
                provider.revocation = provider.revocation ?? Provider.Revocation(url: url)
                provider.revocation?.url = url
            }),
        ProviderSetting(
            name: "tokenEndpointAuthMethod", read: { $0.authMethod.map { .string($0.rawValue) } },
            write: { $1.authMethod = $0.string.flatMap(Provider.AuthMethod.init) ?? $1.authMethod }),
        ProviderSetting(
            name: "scopeSeparator", read: { .string($0.scopeSeparator) },
            write: { value, provider in
                guard let separator = value.string else { return }
                provider.scopeSeparator = separator
                provider.replyScopeSeparators = " " + separator
            }),
        ProviderSetting(
            name: "pkce", read: { .boolean($0.usesPKCE) },
            write: { $1.usesPKCE = $0.boolean ?? $1.usesPKCE }),
        ProviderSetting(
            name: "prompt", read: { $0.prompt.isEmpty ? nil : .strings($0.prompt) },
            write: { $1.prompt = $0.strings ?? $1.prompt }),
        parameters("authorizationUrlParams", \.authorizeParameters),
        parameters("tokenUrlParams", \.tokenParameters),
    ]

    /// Members of a row's switches that no connection has: it says them by other settings, or by none.
    private static let rowsAlone = ["url", "hosts"]

    /// What is wrong with a value was told when the connection was made.
    private init(_ name: Switch) {
        self.init(
            name: name.name,
            read: { provider in
                guard let value = provider.switches[ID(name.name)] else { return nil }
                guard value.kind == .object else { return value }
                let shown = value.shallowCopy()
                for member in Self.rowsAlone { shown.remove(member) }
                return shown.members.isEmpty ? nil : shown
            },
            write: { value, provider in try? provider.set(name, value) })
    }

    private init(
        name: String, read: @escaping @Sendable (Provider) -> JSON?,
        write: @escaping @Sendable (JSON, inout Provider) -> Void
    ) {
        self.name = name
        self.read = read
        self.write = write
    }

    /// Refuses settings that no provider can have.
    static func check(_ settings: JSON, of provider: Provider) throws(ConnError) {
        var provider = provider
        for name in Switch.all {
            if let value = settings[name.name] { try provider.set(name, value) }
        }
        let own = Switch.ownParameters.union(["redirect_uri"])
        let names = settings["authorizationUrlParams"]?.elements.compactMap { $0["key"]?.string } ?? []
        if let name = names.first(where: { own.contains(ID($0)) }) {
            throw .invalid("authorizationUrlParams", "\(name) is the library's own")
        }
    }

    private static func text(
        _ name: String, _ path: any WritableKeyPath<Provider, String?> & Sendable
    ) -> ProviderSetting {
        ProviderSetting(
            name: name, read: { $0[keyPath: path].map(JSON.string) },
            write: { value, provider in provider[keyPath: path] = value.string ?? provider[keyPath: path] })
    }

    /// Those of a connection go with those of its template, and before one of the same name.
    private static func parameters(
        _ name: String, _ path: any WritableKeyPath<Provider, [Provider.Parameter]> & Sendable
    ) -> ProviderSetting {
        ProviderSetting(
            name: name,
            read: { provider in
                let parameters = provider[keyPath: path].map { parameter in
                    JSON.object(["key": .string(parameter.name), "value": .string(parameter.value)])
                }
                return parameters.isEmpty ? nil : .array(parameters)
            },
            write: { value, provider in
                for parameter in value.elements {
                    guard let name = parameter["key"]?.string, let value = parameter["value"]?.string else { continue }
                    provider[keyPath: path].removeAll { ID($0.name) == ID(name) }
                    provider[keyPath: path].append(Provider.Parameter(name, value))
                }
            })
    }
}
