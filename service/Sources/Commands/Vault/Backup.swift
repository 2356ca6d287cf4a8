import ArgumentParser
import DescopeConn

struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copies of the vault, made while others use it.",
        discussion: "A copy is encrypted like the vault, and of no use without its key.",
        subcommands: [Create.self, Check.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Copy the vault to a new file.")

        @Argument(help: ArgumentHelp("The file, which must not exist.", valueName: "path"), completion: .file())
        var path: String
        @OptionGroup(title: "Where the vault is") var vault: VaultOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            let path = try File.absolute(path)
            guard !File.exists(path) else { throw Failure(.conflict, "there is already a file \(path)") }
            let backup = try await vault.withClient { try await $0.backUp(path: path, actor: Actor.name) }
            let size = "\(Text.count(backup.rows, "row")), \(backup.bytes) bytes"
            try answers.output.answer(backup, "Copied the vault to \(backup.path): \(size).")
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check that a copy is whole: all its rows open, and so does its audit.")

        @Argument(help: ArgumentHelp("The copy.", valueName: "path"), completion: .file())
        var path: String
        @OptionGroup(title: "Where the vault is") var vault: VaultOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            let path = try File.absolute(path)
            guard File.exists(path) else { throw Failure(.notFound, "there is no file \(path)") }
            let verdict = try await vault.withClient { try await $0.checkBackup(path: path, actor: Actor.name) }
            let rows = "\(Text.count(verdict.rows, "row")), \(verdict.unreadable) of them cannot be decrypted"
            try answers.output.answer(
                verdict,
                [verdict.ok ? "The copy is whole: \(rows)." : "The copy is damaged: \(rows)."] + verdict.audit.lines)
            if !verdict.ok { throw ExitStatus.problemFound }
        }
    }
}
