package import Connections
import Crypto
import HTTP
package import JSON
package import Runtime

extension Provider {
    /// What a provider's callback brings besides `code`, `state` and `iss`.
    package struct Callback: Sendable {
        /// Parameters that must be there, and are kept with the grant.
        package var metadata: [String] = []
        /// By parameter, the URL it holds: what stands in place of the `{host}` is that host's value for this grant.
        package var hosts: [ID: String] = [:]
        /// The parameter that names what was granted.
        package var scopes: String?
        /// The parameter that signs all others: HMAC-SHA256 with the client's secret, in hexadecimal digits.
        package var signature: String?

        package init() {}
    }
}

extension Provider.Callback {
    init(_ row: Row) throws(Row.Problem) {
        metadata = try row.strings("metadata") ?? []
        hosts = try row.names("hosts")
        scopes = try row.string("scopes")
        signature = try row.string("signature")
    }

    /// Whether the callback's signature is the provider's: one that this provider does not make needs none.
    /// - Parameter parameters: all of the query, decoded.
    package func checkSignature(_ parameters: [ID: String], clientSecret: Secret?) throws(ConnError) {
        guard let signature else { return }
        func refused(_ problem: String) -> ConnError {
            ConnError(.providerError, "the callback's \(signature) \(problem)", field: "parameters.\(signature)")
        }
        guard let given = parameters[ID(signature)] else { throw refused("is missing") }
        guard let clientSecret else {
            throw ConnError(.misconfigured, "a client secret is needed to check \(signature)")
        }
        let signed = parameters.filter { $0.key != ID(signature) }.sorted { $0.key < $1.key }
        let message = URL.query(signed.map { ($0.key.text, $0.value) })
        let expected = Crypto.hmacSHA256(Array(message.utf8), key: clientSecret)
        guard let bytes = Crypto.fromHex(given), Secret(bytes).equals(Secret(expected)) else {
            throw refused("is not the provider's")
        }
    }

    /// The hosts that this grant lives at. The catalogue lists which there are, since a callback can be forged.
    /// - Parameter isListed: whether it does, by a host's name and value.
    package func hosts(
        in parameters: [ID: String], isListed: ([ID: String]) -> Bool
    ) throws(ConnError) -> [ID: String] {
        var found: [ID: String] = [:]
        for (parameter, pattern) in hosts {
            guard let text = parameters[parameter].map(Self.origin) else { continue }
            guard let (name, value) = Placeholders.match(text, pattern), isListed([ID(name): value]) else {
                throw ConnError(
                    .providerError, "the callback's \(parameter) is none of the provider's hosts",
                    field: "parameters.\(parameter)")
            }
            found[ID(name)] = value
        }
        return found
    }

    /// The case of a scheme and a host means nothing, nor does a slash behind them.
    private static func origin(_ text: String) -> String {
        let text = text.trimmed.asciiLowercased
        return text.utf8.last == UInt8(ascii: "/") ? String(text.dropLast()) : text
    }

    /// What the provider says here that was granted; nil when it does not say.
    /// - Parameters:
    ///   - repeated: the parameters with several values. Some parsers part a list at its commas.
    ///   - separators: the characters between scopes.
    package func scopes(
        in parameters: [ID: String], repeated: [ID: [String]] = [:], separators: String
    ) -> [String]? {
        guard let name = scopes.map({ ID($0) }), let texts = parameters[name].map({ [$0] }) ?? repeated[name] else {
            return nil
        }
        return Scopes.unique(texts.flatMap { Scopes.parse(reply: $0, separators: separators) })
    }

    /// What is kept with the grant; nil when there is nothing.
    package func metadata(in parameters: [ID: String]) throws(ConnError) -> JSON? {
        let kept = JSON.object()
        for name in metadata {
            guard let value = parameters[ID(name)] else { throw .invalid("parameters.\(name)", "is missing") }
            kept.set(name, .string(value))
        }
        return metadata.isEmpty ? nil : kept
    }
}
