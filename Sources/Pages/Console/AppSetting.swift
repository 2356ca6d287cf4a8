internal import Connections
internal import Crypto
internal import JSON
internal import Runtime

/// A setting of a connection that the console's forms ask for: a row of the table.
struct AppSetting: Sendable {
    let name: String
    let label: Texts.Name
    var hint: Texts.Name?
    var kind = Page.Input.Kind.text
    var isRequired = false

    /// A list is written with a space or a line between its items.
    var isList: Bool { ID(name) == "defaultScopes" }

    private static let id = AppSetting(name: "id", label: .consoleConnectionId, hint: .consoleNewIdHint)
    private static let secret = AppSetting(
        name: "clientSecret", label: .consoleClientSecret, hint: .consoleSecretHint, kind: .secret)
    private static let newSecret = AppSetting(
        name: "clientSecret", label: .consoleClientSecret, hint: .consoleNewSecretHint, kind: .secret)
    private static let appName = AppSetting(name: "name", label: .consoleName, hint: .consoleNameHint)
    private static let clientID = AppSetting(name: "clientId", label: .consoleClientId)
    private static let scopes = AppSetting(
        name: "defaultScopes", label: .consoleScopes, hint: .consoleScopesHint, kind: .lines)
    private static let about = [
        AppSetting(name: "description", label: .consoleDescription),
        AppSetting(name: "logo", label: .consoleLogo, hint: .consoleLogoHint),
    ]
    private static let endpoints = [
        AppSetting(name: "discoveryUrl", label: .consoleDiscoveryUrl, hint: .consoleDiscoveryHint),
        AppSetting(name: "authorizationUrl", label: .consoleAuthorizationUrl),
        AppSetting(name: "tokenUrl", label: .consoleTokenUrl),
        AppSetting(name: "revocationUrl", label: .consoleRevocationUrl, hint: .consoleRevocationHint),
    ]

    /// Of a new connection that is made from a template.
    static let ofTemplate = [id, appName, clientID, newSecret, scopes]
    /// Of a new connection without one.
    static let ofCustom = [id, appName, clientID, newSecret] + endpoints + [scopes]
    static let ofKey = [id, appName] + about

    /// Of a connection that is there.
    static func edited(takesKey: Bool) -> [AppSetting] {
        takesKey ? [appName] + about : [appName] + about + [clientID, secret] + endpoints + [scopes]
    }

    /// What a form's text means; nil: nothing is set.
    func value(_ text: String) -> JSON? {
        let words = text.split { $0 == " " || $0 == "\n" || $0 == "\r\n" || $0 == "\t" }
        if isList { return words.isEmpty ? nil : .strings(words.map(String.init)) }
        let trimmed = Self.trimmed(text)
        return trimmed.isEmpty ? nil : .string(trimmed)
    }

    /// What the form shows of an `App`.
    func text(of app: JSON) -> String? {
        isList ? app[name]?.strings?.joined(separator: "\n") : app[name]?.string
    }

    static func trimmed(_ text: String) -> String {
        var rest = text[...]
        rest = rest.drop { $0 == " " }
        while rest.last == " " { rest.removeLast() }
        return String(rest)
    }
}

/// What a form about a connection holds.
struct AppForm: Sendable {
    let settings: [AppSetting]
    /// The hosts of its template: their names, and what they are by default or may be.
    var hosts: [(name: String, rule: JSON)] = []
    /// Whether the addresses of an authorization server may change below grants that stand.
    var asksForServer = false

    private static let hostPrefix = "host."
    static let sameProviderName = "sameProvider"

    func inputs(
        _ texts: Texts, problem: ConnError? = nil, value: (String) -> String?
    ) -> [Page.Input] {
        let problem = problem.map { error in (ID(error.field ?? ""), error.message) }
        var inputs = settings.map { setting in
            Page.Input(
                name: setting.name, label: texts(setting.label), kind: setting.kind, value: value(setting.name),
                isRequired: setting.isRequired, hint: setting.hint.map { texts($0) },
                problem: problem.flatMap { ID(setting.name) == $0.0 ? $0.1 : nil })
        }
        inputs += hosts.map { host in
            let name = Self.hostPrefix + host.name
            let standard = host.rule["default"]?.string
            let values = host.rule["values"]?.strings ?? []
            return Page.Input(
                name: name, label: texts(.consoleHost, ["name": host.name]),
                kind: values.isEmpty ? .text : .choice(values.map { ($0, $0) }), value: value(name) ?? standard,
                isRequired: true,
                hint: host.rule["kind"].map { texts($0.id == "domain" ? .consoleDomainHint : .consoleLabelHint) },
                problem: problem.flatMap { $0.0 == ID("hosts.\(host.name)") || $0.0 == "hosts" ? $0.1 : nil })
        }
        if asksForServer {
            inputs.append(
                Page.Input(
                    name: Self.sameProviderName, label: texts(.consoleSameProvider), kind: .checkbox,
                    value: value(Self.sameProviderName), isRequired: false, hint: texts(.consoleSameProviderHint)))
        }
        return inputs
    }

    /// Whether a problem is shown beside a field of this form.
    func has(_ field: String?) -> Bool {
        guard let field else { return false }
        return settings.contains { ID($0.name) == ID(field) }
            || !hosts.isEmpty && field.utf8.starts(with: "hosts".utf8)
    }

    /// Writes what a form's body says over a request to `apps.create` or `apps.update`.
    func write(_ body: Parameters, to fields: JSON) {
        for setting in settings {
            let value = setting.value(body.first(ID(setting.name)) ?? "")
            if let value { fields.set(setting.name, value) } else { fields.remove(setting.name) }
        }
        guard !hosts.isEmpty else { return }
        let values = JSON.object()
        for host in hosts {
            let value = AppSetting.trimmed(body.first(ID(Self.hostPrefix + host.name)) ?? "")
            if !value.isEmpty { values.set(host.name, .string(value)) }
        }
        fields.set("hosts", values)
    }

    /// What a form shows of an `App`.
    func text(of name: String, in app: JSON) -> String? {
        if name.utf8.starts(with: Self.hostPrefix.utf8) {
            return app["hosts"]?[String(name.dropFirst(Self.hostPrefix.count))]?.string
        }
        return settings.first { ID($0.name) == ID(name) }?.text(of: app)
    }
}

extension ConsoleApp {
    /// The request to `apps.update` that changes nothing. What is not set is absent from it, also where the cloud says "".
    func unchanged(_ backend: BackendKind) -> JSON {
        let known = (Operation.byName["apps.update"]?.fields ?? []).filter { $0.backends.contains(backend) }
            .map { ID($0.name) }
        let fields = JSON.object()
        for (name, value) in json.members where known.contains(ID(name)) {
            let isUnset = value.kind == .null || value.kind == .string && value.string?.isEmpty != false
            if !isUnset { fields.set(name, value) }
        }
        return fields
    }

    /// Tells its settings from any others.
    var version: String {
        json.secret(isSorted: true).withBytes { bytes in Crypto.base64URL(Crypto.sha256(bytes)) }
    }
}
