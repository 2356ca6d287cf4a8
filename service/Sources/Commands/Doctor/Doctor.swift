import ArgumentParser
import DescopeConn

struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what is wrong with this machine, the vault or the project, and a connection.",
        discussion: """
            With a connection it also tries to reach the provider, and makes a connect URL that nobody follows. Nothing \
            else is changed. The exit status is 11 if there is a problem; warnings do not count.
            """)

    @Argument(help: ArgumentHelp("A connection to look at.", valueName: "app"), completion: .connections)
    var app: String?

    @OptionGroup var subject: SubjectOptions
    @OptionGroup var backend: BackendOptions
    @OptionGroup var answers: OutputOptions

    func run() async throws {
        var findings = Machine.findings()
        if !backend.isCloud { findings += VaultFiles.findings(try backend.vaultOptions.place) }
        do {
            findings += try await backend.withClient { try await Self.look(in: $0, app, subject, backend) }
        } catch let error as ConnError {
            findings.append(.problem(backend.isCloud ? "cloud" : "vault", Failure(error)))
        } catch let failure as Failure {
            findings.append(.problem(backend.isCloud ? "cloud" : "vault", failure))
        }
        try await answers.output.list(Self.columns, wraps: true) { try $0(findings) }
        if findings.contains(where: { $0.level == .problem }) { throw ExitStatus.problemFound }
    }

    private static func look(
        in client: Client, _ app: String?, _ subject: SubjectOptions, _ backend: BackendOptions
    ) async throws -> [Finding] {
        var findings = try await backend.isCloud ? cloud(client) : VaultContents.findings(client)
        if let app {
            findings += try await ConnectionCheck(
                client: client, app: app, subject: subject.subject(isCloud: backend.isCloud), actor: backend.actor
            ).findings()
        }
        return findings
    }

    private static func cloud(_ client: Client) async throws -> [Finding] {
        let apps = try await client.apps.list().apps
        return [.ok("cloud", "the project answers, and has \(Text.count(apps.count, "connection"))")]
    }

    private static let columns: [Column<Finding>] = [
        Column("result", style: \.level.style) { $0.level.rawValue },
        Column("check", style: { _ in .bold }) { $0.check },
        Column("finding") { [Text.sentence($0.message), $0.hint].compactMap(\.self).joined(separator: " ") },
    ]
}
