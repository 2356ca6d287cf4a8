internal import Connections
internal import JSON
internal import Runtime

/// What a form about a connection asks for.
struct AppForm: Sendable {
    private let settings: [AppSetting]
    private let groups: [AppGroup]
    /// The hosts of its template: their names, and what they are by default or may be.
    private let hosts: [(name: String, rule: JSON)]

    /// The button that adds an empty row.
    static let addName: StaticString = "add"

    /// - Parameter operation: takes what the form brings. What it does not take from the backend is not asked for.
    init(
        _ settings: [AppSetting], _ groups: [AppGroup] = [], hosts: [(name: String, rule: JSON)] = [],
        for operation: ID, _ backend: BackendKind
    ) {
        let taken = (Operation.byName[operation]?.fields ?? []).filter { $0.backends.contains(backend) }
            .map { ID($0.name) }
        self.settings = settings.filter { taken.contains(ID($0.name)) }
        self.groups = groups.filter { taken.contains(ID($0.name)) }
        self.hosts = hosts
    }

    private static func name(ofHost host: String) -> String { "hosts.\(host)" }
}

// MARK: - What is typed

extension AppForm {
    /// Settings with what a form's body says written over them, as it was typed.
    func typed(_ body: Parameters, over settings: JSON) -> JSON {
        let typed = settings.shallowCopy()
        let isAdding = body.sent(ID(Self.addName.description)) != nil
        for setting in self.settings { setting.write(body, as: setting.name, to: typed) }
        for group in groups { group.write(body, to: typed, keepsEmptyRows: isAdding) }
        if !hosts.isEmpty { typed.set("hosts", hosts(body, over: typed["hosts"])) }
        return typed
    }

    private func hosts(_ body: Parameters, over before: JSON?) -> JSON {
        let values = before?.shallowCopy() ?? .object()
        for host in hosts {
            guard let value = body.sent(ID(Self.name(ofHost: host.name))).map(AppSetting.trimmed) else { continue }
            if value.isEmpty { values.remove(host.name) } else { values.set(host.name, .string(value)) }
        }
        return values
    }

    /// The settings that were typed.
    /// - Throws: `invalid_request` for what cannot be read.
    func settled(_ typed: JSON) throws(ConnError) -> JSON {
        let settings = typed.shallowCopy()
        for setting in self.settings { try setting.settle(settings, as: setting.name) }
        for group in groups { try group.settle(settings) }
        return settings
    }

    /// What was typed with an empty row more.
    /// - Returns: also the name of its first field; nil if there may be no more.
    func withRow(_ typed: JSON) -> (settings: JSON, start: String?) {
        let settings = typed.shallowCopy()
        for group in groups {
            if let start = group.addRow(to: settings) { return (settings, start) }
        }
        return (settings, nil)
    }
}

// MARK: - What is shown

extension AppForm {
    /// - Parameters:
    ///   - settings: an `App`, or what was typed of it.
    ///   - problem: what is wrong with it.
    func fields(_ texts: Texts, of settings: JSON, problem: ConnError? = nil) -> [Page.Input] {
        self.settings.map { $0.input(texts, as: $0.name, of: settings, problem: problem) }
            + hosts.map { input(of: $0, texts, settings, problem) }
    }

    func groups(_ texts: Texts, of settings: JSON, problem: ConnError? = nil) -> [Page.Form.Group] {
        groups.flatMap { $0.groups(texts, of: settings, problem: problem) }
    }

    /// Whether an error is told beside a field, or above fields that belong together.
    func shows(_ problem: ConnError, of settings: JSON, _ texts: Texts) -> Bool {
        let groups = groups(texts, of: settings, problem: problem)
        let inputs = fields(texts, of: settings, problem: problem) + groups.flatMap(\.fields)
        return inputs.contains { $0.problem != nil } || groups.contains { $0.problem != nil }
    }

    private func input(
        of host: (name: String, rule: JSON), _ texts: Texts, _ settings: JSON, _ problem: ConnError?
    ) -> Page.Input {
        let name = Self.name(ofHost: host.name)
        let values = host.rule["values"]?.strings ?? []
        let isAboutAll = problem?.field.map { ID($0) } == "hosts"
        return Page.Input(
            name: name, label: texts(.consoleHost, ["name": host.name]),
            kind: values.isEmpty ? .text : .choice(values.map { ($0, $0) }),
            value: settings["hosts"]?[host.name]?.string ?? host.rule["default"]?.string, isRequired: true,
            hint: host.rule["kind"].map { texts($0.id == "domain" ? .consoleDomainHint : .consoleLabelHint) },
            problem: isAboutAll ? problem?.message : problem?.message(about: name))
    }

    /// Where what was typed differs from the settings that are there. Secrets are not compared.
    func differences(_ texts: Texts, _ typed: JSON, from saved: JSON) -> [(label: String, saved: String, typed: String)]
    {
        let (typed, saved) = (values(texts, typed), values(texts, saved))
        let names = typed.map(\.name) + saved.map(\.name).filter { name in !typed.contains { $0.name == name } }
        return names.compactMap { name in
            let (mine, theirs) = (typed.first { $0.name == name }, saved.first { $0.name == name })
            guard let label = mine?.label ?? theirs?.label, mine.map({ ID($0.text) }) != theirs.map({ ID($0.text) })
            else {
                return nil
            }
            return (label, theirs?.text ?? "–", mine?.text ?? "–")
        }
    }

    /// What is written in the fields that are not empty.
    private func values(_ texts: Texts, _ settings: JSON) -> [(name: ID, label: String, text: String)] {
        let grouped = groups(texts, of: settings).flatMap { group in
            group.fields.map { (label: "\(group.legend): \($0.label)", input: $0) }
        }
        return (fields(texts, of: settings).map { (label: $0.label, input: $0) } + grouped).compactMap { field in
            if case .secret = field.input.kind { return nil }
            let isChecked = if case .checkbox = field.input.kind { true } else { false }
            guard let value = field.input.value, !value.isEmpty else { return nil }
            return (ID(field.input.name), field.label, isChecked ? "✓" : value)
        }
    }
}
