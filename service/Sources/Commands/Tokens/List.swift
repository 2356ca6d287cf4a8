import ArgumentParser
import DescopeConn

struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List what is connected, and its status, without secrets.")

    @Argument(help: ArgumentHelp("Only this connection.", valueName: "app"), completion: .connections)
    var app: String?

    @Flag(help: "Everyone's tokens at the connection.")
    var everyone = false

    @Option(help: ArgumentHelp("Only tokens of this status: active, expiring, needs_reauthorization. In a vault."))
    var status: String?

    @OptionGroup var subject: SubjectOptions
    @OptionGroup var backend: BackendOptions
    @OptionGroup var answers: OutputOptions

    func validate() throws {
        if everyone, app == nil { throw ValidationError("Name the connection whose tokens to list.") }
        if everyone, subject.isNamed { throw ValidationError("Name a user or tenant, or everyone, but not both.") }
    }

    func run() async throws {
        let subject = everyone ? Subject() : try subject.subject(isCloud: backend.isCloud)
        let isCloud = backend.isCloud
        try await backend.withClient { client in
            var unreadable = 0
            try await answers.output.list(Self.columns) { show in
                var after: String?
                repeat {
                    let page = try await client.listTokens(
                        appId: app, userId: subject.user, tenantId: subject.tenant,
                        status: status.map(TokenStatus.init), limit: isCloud ? nil : 1000, after: after,
                        actor: backend.actor)
                    try show(page.tokens)
                    unreadable += page.unreadable ?? 0
                    after = page.next
                } while after != nil
            }
            if unreadable > 0 { Output.warning("\(Text.count(unreadable, "row")) cannot be decrypted") }
        }
    }

    static let columns: [Column<TokenInfo>] = [
        Column("app", style: { _ in .bold }) { $0.appId },
        Column("user") { $0.userId ?? "" },
        Column("tenant") { $0.tenantId ?? "" },
        Column("status", style: { statusStyles[$0.status] ?? .plain }) { token in
            token.status.rawValue + (token.reason.map { " (\($0.rawValue))" } ?? "")
        },
        Column("expires") { $0.accessTokenExpiry.map(Time.text) ?? "" },
        Column("account") { $0.externalIdentifier ?? $0.tokenSub ?? "" },
        Column("scopes", style: { _ in .faint }) { $0.scopes?.joined(separator: " ") ?? "" },
        Column("id", optional: true, style: { _ in .faint }) { $0.id ?? "" },
    ]

    private static let statusStyles: [TokenStatus: Style] = [
        .active: .green, .expiring: .yellow, .needsReauthorization: .red,
    ]
}
