internal import Connections
internal import JSON
internal import OAuth

/// Nothing that cannot work is handed to a browser: what a connection lacks is told when it is made, and refused when it is
/// used.
extension AppRecord {
    /// - Throws: `misconfigured`, with the names of the settings that this connection lacks.
    func checkIsComplete(
        _ provider: Provider, for use: Provider.Use, isFilled: Bool = true, lacking others: [String] = []
    ) throws(ConnError) {
        let missing = provider.missingSettings(for: use, registers: registers, isFilled: isFilled) + others
        guard let first = missing.first else { return }
        throw ConnError(.misconfigured, "\(id) lacks \(missing.joined(separator: ", "))", field: first)
    }

    /// What must be set before anybody can connect, as the answers of `apps.create` and `apps.update` have it; nil when
    /// nothing lacks.
    func warnings(_ config: VaultConfig) -> JSON? {
        guard kind == .oauth, let provider = try? provider(config) else { return nil }
        let missing = provider.missingSettings(for: .browser, registers: registers, isFilled: false)
        guard !missing.isEmpty else { return nil }
        return .array(
            missing.map { name in
                .object(["field": .string(name), "message": .string("\(name) is missing: nobody can connect yet")])
            })
    }
}
