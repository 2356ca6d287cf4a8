import ArgumentParser
import DescopeConn

struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Who did what to which token.", subcommands: [List.self, Verify.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the records, the oldest first.")

        @Option(help: ArgumentHelp("Only this connection.", valueName: "id"), completion: .connections)
        var app: String?

        @Option(help: ArgumentHelp("Only this token.", valueName: "id"))
        var token: String?

        @Option(help: ArgumentHelp("Only this user.", valueName: "id"))
        var user: String?

        @Option(help: ArgumentHelp("Only this tenant, or with --user the user in it.", valueName: "id"))
        var tenant: String?

        @Option(help: ArgumentHelp("Only the latest of them.", valueName: "number"))
        var last: Int?

        @OptionGroup(title: "Where the vault is") var vault: VaultOptions
        @OptionGroup var answers: OutputOptions

        func validate() throws {
            if let last, last < 1 { throw ValidationError("At least one record is listed.") }
        }

        func run() async throws {
            try await vault.withClient { client in
                var unreadable = 0
                try await answers.output.list(Self.columns) { show in
                    var kept: [AuditRecord] = []
                    var after: String?
                    repeat {
                        let page = try await client.audit.list(
                            appId: app, userId: user, tenantId: tenant, tokenId: token, limit: 1000, after: after)
                        unreadable += page.unreadable ?? 0
                        if let last { kept = (kept + page.records).suffix(last) } else { try show(page.records) }
                        after = page.next
                    } while after != nil
                    try show(kept)
                }
                if unreadable > 0 { Output.warning("\(Text.count(unreadable, "record")) cannot be decrypted") }
            }
        }

        private static let columns: [Column<AuditRecord>] = [
            Column("time", style: { _ in .faint }) { Time.text($0.timeMs / 1000) },
            Column("operation", style: { _ in .bold }) { $0.op },
            Column("outcome", style: { $0.outcome == "ok" ? .green : .yellow }) { $0.outcome },
            Column("app") { $0.appId ?? "" },
            Column("user") { $0.userId ?? "" },
            Column("tenant") { $0.tenantId ?? "" },
            Column("actor") { $0.actor ?? "" },
            Column("about", optional: true, style: { _ in .faint }) { $0.tokenId ?? $0.keyId ?? $0.flowId ?? "" },
        ]
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Verify that no record was changed, removed, added or moved.",
            discussion: """
                Answers an anchor. Kept elsewhere and passed to a later verification, it also shows a vault that was \
                replaced by an earlier copy (docs/audit.md).
                """)

        @Option(
            help: ArgumentHelp("A file with the anchor of an earlier verification.", valueName: "path"),
            completion: .file())
        var anchorFile: String?

        @OptionGroup(title: "Where the vault is") var vault: VaultOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            let anchor = try anchorFile.map { try SecretSource.file($0).read().value }
            let verdict = try await vault.withClient { try await $0.audit.verify(anchor: anchor) }
            try answers.output.answer(verdict, verdict.lines)
            if !verdict.ok { throw ExitStatus.problemFound }
        }
    }
}

extension AuditVerdict {
    /// The verdict for people.
    var lines: [String] {
        let records = "\(Text.count(verified, "record")) verified"
        guard !ok else { return ["The audit is whole: \(records)."] + (anchor.map { ["Anchor: \($0)"] } ?? []) }
        let place = "chain \(chain ?? 0), record \(brokenAt ?? 0)"
        return ["The audit is broken: \(place): \(problem ?? "unknown"). \(records)."]
    }
}
