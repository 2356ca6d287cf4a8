import ArgumentParser
import DescopeConn

extension Keys {
    struct ReplaceMaster: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "replace-master",
            abstract: "Replace the vault's master key, which seals the other keys.",
            discussion: """
                Afterwards only the new key opens the vault: programs that use it need it before, among their otherKeys \
                (docs/keys.md). Copies of the vault keep the key that they were made with.
                """)

        @Argument(
            help: ArgumentHelp("A file with the new key; it is made if there is none.", valueName: "path"),
            completion: .file())
        var newKeyFile: String
        @OptionGroup(title: "Where the vault is") var vault: VaultOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            let place = try vault.place
            // Before a key is made: that the vault opens.
            let before = try await vault.withClient { try await $0.keys.list(actor: Actor.name).masterKey }
            if File.isMissing(newKeyFile) { try VaultPlace.makeKey(newKeyFile) }
            var renewed = place
            renewed.key = .file(newKeyFile)
            let client = try renewed.open(["otherKeys": .array([place.keySetting])])
            let after = try await client.keys.list(actor: Actor.name).masterKey
            await client.close()
            try answers.output.answer(
                Replaced(before: before, after: after),
                [
                    "The master key is \(after) now, in \(newKeyFile); it was \(before).",
                    "Name it with --key-file from now on, or put it in the place of \(place.keyWords).",
                ])
        }

        private struct Replaced: Encodable {
            var before: String
            var after: String
        }
    }
}
