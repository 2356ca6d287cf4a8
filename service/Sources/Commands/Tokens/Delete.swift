import ArgumentParser
import DescopeConn

struct Delete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Delete tokens, and revoke them at their providers.",
        discussion: "Those of a user or tenant, at one connection or at all; with --everyone all of a connection.")

    @Argument(help: ArgumentHelp("Only at this connection.", valueName: "app"), completion: .connections)
    var app: String?

    @Option(help: ArgumentHelp("Only this token; descope-conn list shows its id.", valueName: "id"))
    var token: String?

    @Flag(help: "Everyone's tokens at the connection.")
    var everyone = false

    @Flag(help: "Do not revoke the tokens at their providers.")
    var noRevoke = false

    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var subject: SubjectOptions
    @OptionGroup var backend: BackendOptions
    @OptionGroup var answers: OutputOptions

    func validate() throws {
        if token != nil, app != nil || everyone || subject.isNamed {
            throw ValidationError("A token's id stands alone.")
        }
        if everyone, app == nil { throw ValidationError("Name the connection whose tokens to delete.") }
        if everyone, subject.isNamed { throw ValidationError("Name a user or tenant, or everyone, but not both.") }
    }

    func run() async throws {
        let subject = everyone || token != nil ? Subject() : try subject.subject(isCloud: backend.isCloud)
        let place = app.map { " at \($0)" } ?? " at all connections"
        try confirmation.confirm(
            token.map { "Delete the token \($0)?" } ?? "Delete the tokens of \(subject.words)\(place)?")
        try await backend.withClient { client in
            let deletion = try await client.deleteTokens(
                tokenId: token, appId: app, userId: subject.user, tenantId: subject.tenant,
                revoke: backend.isCloud ? nil : !noRevoke, actor: backend.actor)
            let lines = deletion.deleted == 0 ? ["There was no such token."] : deletion.lines
            try answers.output.answer(deletion, lines.isEmpty ? ["Deleted."] : lines)
        }
    }
}
