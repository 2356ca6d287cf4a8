import DescopeConn

/// Whether what is in a vault opens, and works.
enum VaultContents {
    static func findings(_ client: Client) async throws -> [Finding] {
        let apps = try await client.apps.list()
        var findings: [Finding] = [.ok("vault", "it opens, and has \(Text.count(apps.apps.count, "connection"))")]
        if let unreadable = apps.unreadable {
            findings.append(
                .problem(
                    "vault", "\(Text.count(unreadable, "connection")) cannot be decrypted",
                    hint: "Restore a copy, or make them again."))
        }
        findings.append(audit(try await client.audit.verify()))
        findings.append(keys(try await client.keys.list()))
        for app in apps.apps { findings += try await tokens(client, app.id) }
        return findings
    }

    private static func audit(_ verdict: AuditVerdict) -> Finding {
        verdict.ok
            ? .ok("audit", "it is whole: \(Text.count(verdict.verified, "record")) verified")
            : .problem("audit", verdict.lines[0], hint: "See docs/audit.md.")
    }

    private static func keys(_ keys: SealingKeys) -> Finding {
        let outdated = keys.keys.filter { !$0.active && $0.rows > 0 }
        return outdated.isEmpty
            ? .ok("keys", "the active key seals everything")
            : .warning(
                "keys", "an earlier key still seals \(Text.count(outdated.reduce(0) { $0 + $1.rows }, "row"))",
                hint: "descope-conn keys reseal")
    }

    /// How many users of a connection have to do something; the first thousand will do.
    private static func tokens(_ client: Client, _ app: String) async throws -> [Finding] {
        let page = try await client.listTokens(appId: app, limit: 1000)
        let lost = page.tokens.filter { $0.status == .needsReauthorization }.count
        var findings: [Finding] = []
        if lost > 0 {
            findings.append(
                .warning(
                    app, "\(Text.count(lost, "token")) cannot be refreshed any more",
                    hint: "Those users have to connect again: descope-conn list \(app) --everyone."))
        }
        if let unreadable = page.unreadable {
            findings.append(
                .problem(
                    app, "\(Text.count(unreadable, "token")) cannot be decrypted",
                    hint: "Restore a copy, or have those users connect again."))
        }
        return findings
    }
}
