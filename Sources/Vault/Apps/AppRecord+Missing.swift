internal import Connections
internal import JSON
internal import OAuth
internal import Runtime

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
    /// - Parameter earlier: the connection before an update. Its secret does not go along to another authorization server.
    func warnings(_ config: VaultConfig, after earlier: AppRecord? = nil) -> JSON? {
        guard kind == .oauth, let provider = try? provider(config) else { return nil }
        let missing = provider.missingSettings(for: .browser, registers: registers, isFilled: false)
        var warnings = missing.map { (field: $0, message: "\($0) is missing: nobody can connect yet") }
        let hasLostSecret = earlier?.settings["clientSecret"] != nil && settings["clientSecret"] == nil
        if hasLostSecret, incarnation != earlier?.incarnation, !missing.contains(where: { ID($0) == "clientSecret" }) {
            warnings.append(
                ("clientSecret", "clientSecret stays with the earlier server: set it if the new one expects one"))
        }
        guard !warnings.isEmpty else { return nil }
        return .array(
            warnings.map { .object(["field": .string($0.field), "message": .string($0.message)]) })
    }
}
