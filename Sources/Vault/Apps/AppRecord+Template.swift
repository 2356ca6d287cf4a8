internal import Connections
internal import JSON
internal import OAuth
internal import Runtime

/// A connection made from a provider template keeps the template's id, its hosts, and what the operator set otherwise:
/// nothing of the catalogue's row. So a mended row mends the connections that were made from it.
extension AppRecord {
    var template: Template? {
        get throws(ConnError) {
            guard let templateID else { return nil }
            guard let template = Template.named(templateID) else {
                throw ConnError(.misconfigured, "\(id) is made from a template that is not in the catalogue")
            }
            return template
        }
    }

    /// The provider as far as the settings and the template name it; a discovery document may fill in the rest.
    /// - Parameter hosts: of a grant that lives elsewhere than the connection.
    func provider(_ config: VaultConfig, hosts: [ID: String] = [:]) throws(ConnError) -> Provider {
        var provider: Provider
        do throws(ConnError) {
            provider = try outlineWithSettings(hosts: self.hosts.merging(hosts) { $1 })
        } catch {
            // What the request of apps.create would have been refused for is the operator's to mend later on.
            guard error.code == .invalidRequest else { throw error }
            throw ConnError(.misconfigured, "\(id) cannot be used: \(error.message)", field: error.field)
        }
        provider.timeoutMilliseconds = config.timeoutMilliseconds
        return provider
    }

    private func outlineWithSettings(hosts: [ID: String]) throws(ConnError) -> Provider {
        var provider = try outline(hosts: hosts)
        for setting in ProviderSetting.all {
            if let value = settings[setting.name] { setting.write(value, &provider) }
        }
        return provider
    }

    /// What the provider makes of the names of scopes. Without the template that the connection is made from, nothing.
    var scopeRules: ScopeRules {
        let common = (try? template)??.scopeRules ?? ScopeRules()
        guard settings["scopeRules"] != nil else { return common }
        return (try? outlineWithSettings(hosts: hosts))?.scopeRules ?? common
    }

    /// Those of the default scopes that a token does not have, whatever the provider calls them.
    func defaultScopes(missingFrom token: TokenRecord) -> [String] {
        // The rules take time to put together, and few tokens need them.
        guard !Scopes.missing(defaultScopes, from: token.scopes).isEmpty else { return [] }
        return scopeRules.missing(defaultScopes, from: token.grant)
    }

    /// What the template has, or nothing.
    private func outline(hosts: [ID: String]) throws(ConnError) -> Provider {
        let clientID = settings["clientId"]?.string ?? ""
        guard let template = try template else {
            return Provider(id: id.text, clientID: clientID, clientSecret: clientSecret)
        }
        var provider = try template.provider(clientID: clientID, clientSecret: clientSecret, hosts: hosts)
        provider.id = id.text
        return provider
    }

    private var clientSecret: Secret? {
        settings["clientSecret"]?.stringSecret.flatMap { $0.withBytes { $0.allSatisfy { $0 <= 0x20 } } ? nil : $0 }
    }

    /// The settings that are in force, without the client secret. A template that has left the catalogue shows none of
    /// its own.
    var answer: JSON {
        let answer = settings.shallowCopy()
        answer.remove("clientSecret")
        for name in Self.hiddenNames { answer.remove(name) }
        guard let template = try? template, let provider = try? outlineWithSettings(hosts: hosts) else {
            return answer
        }
        for setting in ProviderSetting.all {
            if let value = setting.read(provider) { answer.set(setting.name, value) }
        }
        let values = JSON.object()
        for host in template.hosts {
            if let value = hosts[ID(host.name)] ?? host.fallback { values.set(host.name, .string(value)) }
        }
        if !values.members.isEmpty { answer.set("hosts", values) }
        return answer
    }

    /// The same connection without settings that say what the template says anyway, so that whoever loads a connection,
    /// changes one setting and writes it back does not fix all others.
    /// - Parameter earlier: the connection before an update: with its hosts, the template said something else.
    /// - Throws: `invalid_request` for a template or hosts that cannot be.
    func withoutTemplateValues(after earlier: AppRecord? = nil) throws(ConnError) -> AppRecord {
        try checkCredentials()
        guard let templateID else {
            guard settings["hosts"].map(\.members.isEmpty) ?? true else {
                throw .invalid("hosts", "needs a templateId")
            }
            try ProviderSetting.check(settings, of: Provider(id: id.text, clientID: ""))
            return self
        }
        guard kind == .oauth, let template = Template.named(templateID) else {
            throw .invalid("templateId", "is not in the catalogue of OAuth providers")
        }
        let own = settings.shallowCopy()
        let outline = try outline(hosts: hosts)
        try ProviderSetting.check(settings, of: outline)
        if let earlier = try? earlier?.outline(hosts: earlier?.hosts ?? [:]) { Self.remove(earlier, from: own) }
        Self.remove(outline, from: own)
        let values = JSON.object()
        for (name, value) in hosts {
            let fallback = template.hosts.first { ID($0.name) == name }?.fallback
            if fallback.map({ ID($0) }) != ID(value) { values.set(name.text, .string(value)) }
        }
        own.remove("hosts")
        if !values.members.isEmpty { own.set("hosts", values) }
        guard let record = AppRecord(json: own) else { throw .invalid("id", "is missing") }
        return record
    }

    /// Removes the settings that say what a template says.
    private static func remove(_ outline: Provider, from own: JSON) {
        for setting in ProviderSetting.all {
            guard let value = own[setting.name], let common = setting.read(outline) else { continue }
            if value.kind == .array, value.elements.first?.kind == .object {
                let rest = value.elements.filter { element in !common.elements.contains { $0.equals(element) } }
                own.set(setting.name, .array(rest))
                if rest.isEmpty { own.remove(setting.name) }
            } else if value.kind == .object {
                let rest = value.shallowCopy()
                for (key, member) in common.members where rest[key]?.equals(member) == true { rest.remove(key) }
                own.set(setting.name, rest)
                if rest.members.isEmpty { own.remove(setting.name) }
            } else if value.equals(common) {
                own.remove(setting.name)
            }
        }
    }
}
