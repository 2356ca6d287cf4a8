import DescopeConn

extension Deletion {
    /// What became of the tokens, for people.
    var lines: [String] {
        guard let deleted, deleted > 0 else { return [] }
        let parts = revocations.map { revocations in
            [
                (revocations.revoked, "revoked at the provider"),
                (revocations.pending, "to be revoked, as the provider did not answer"),
                (revocations.unsupported, "not revoked, as the provider cannot"),
            ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        }
        let deletedWords = "Deleted \(Text.count(deleted, "token"))"
        return [deletedWords + (parts.map { $0.isEmpty ? "" : ": " + $0.joined(separator: ", ") } ?? "") + "."]
    }
}
