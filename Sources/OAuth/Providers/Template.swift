package import Connections
import HTTP
package import JSON
package import Runtime

/// A provider of the catalogue (`providers.json`, described in `docs/providers.md`): all of its settings but the client's
/// own id and secret.
package struct Template: Sendable {
    /// A part of the provider's host names that differs from customer to customer.
    package struct Host: Sendable {
        package enum Kind: String, Sendable {
            /// One part of a host name, such as `acme`.
            case label
            /// One or more of them, such as `gitlab.acme.example`.
            case domain
        }

        package var name: String
        package var kind: Kind
        /// Nil: it must be given.
        package var fallback: String?
        /// The only ones there are; nil: any of the kind.
        package var values: [String]?
    }

    package let id: String
    /// For people.
    package let name: String
    package let hosts: [Host]
    /// What people should know who use it.
    package let notes: String?
    /// The catalogue's row, as `docs/providers.md` describes it.
    package let row: JSON
    /// Its provider without a client, with `{...}` in its URLs.
    private let outline: Provider

    package var scopeRules: ScopeRules { outline.scopeRules }

    init(_ json: JSON) throws(Row.Problem) {
        row = json
        let row = Row(json)
        id = try row.required("id")
        name = try row.required("name")
        notes = try row.string("notes")
        hosts = try row.rows("hosts").map { (host) throws(Row.Problem) in
            Host(
                name: host.name, kind: try host.row.choice("kind") ?? .label,
                fallback: try host.row.string("default"), values: try host.row.strings("values"))
        }
        outline = try Provider(id: id, row)
    }

    /// - Parameters:
    ///   - hosts: by name, as ``hosts`` says.
    package func provider(
        clientID: String, clientSecret: Secret?, hosts given: [ID: String] = [:]
    ) throws(ConnError) -> Provider {
        if let unknown = given.keys.sorted().first(where: { name in !hosts.contains { ID($0.name) == name } }) {
            guard Field.isName(unknown.text) else { throw .invalid("hosts", "holds what is not a host of \(id)") }
            throw .invalid("hosts.\(unknown)", "is not a host of \(id)")
        }
        var values: [ID: String] = ["clientId": clientID]
        for host in hosts {
            let field = "hosts.\(host.name)"
            guard let value = given[ID(host.name)] ?? host.fallback else { throw .invalid(field, "is missing") }
            guard host.kind.takes(value) else { throw .invalid(field, "is not a \(host.kind.rawValue) name") }
            guard host.values?.contains(value) ?? true else { throw .invalid(field, "is none of \(id)'s") }
            values[ID(host.name)] = value
        }
        return outline.with(clientID: clientID, clientSecret: clientSecret, values: values)
    }
}

extension Template {
    /// In the catalogue's order.
    package static let all: [Template] = {
        do {
            let document = try PackageResources.providers_json.withUnsafeBytes { try JSON.parse($0) }
            return try (document["providers"]?.elements ?? []).map { try Template($0) }
        } catch {
            // The data is part of this library, and the tests read all of it.
            fatalError("providers.json is not what it should be: \(error)")
        }
    }()

    package static func named(_ id: ID) -> Template? { all.first { ID($0.id) == id } }
}

extension Template.Host.Kind {
    /// Nothing that could end the host's name in a URL gets through.
    fileprivate func takes(_ value: String) -> Bool {
        let labels = value.split(separator: ".", omittingEmptySubsequences: false)
        guard self == .domain || labels.count == 1, value.utf8.count <= 253 else { return false }
        return labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy { byte in
                    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                        || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                }
        }
    }
}

extension Provider {
    fileprivate func with(clientID: String, clientSecret: Secret?, values: [ID: String]) -> Provider {
        func filled(_ url: String) -> String { Placeholders.fill(url) { values[ID($0)].map(URL.encode) } }
        var provider = self
        provider.clientID = clientID
        provider.clientSecret = clientSecret
        provider.authorizationURL = authorizationURL.map(filled)
        provider.tokenURL = tokenURL.map(filled)
        provider.refreshURL = refreshURL.map(filled)
        provider.deviceAuthorizationURL = deviceAuthorizationURL.map(filled)
        provider.introspectionURL = introspectionURL.map(filled)
        provider.issuer = issuer.map(filled)
        if let url = revocation?.url { provider.revocation?.url = filled(url) }
        return provider
    }
}
