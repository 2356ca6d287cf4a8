import ArgumentParser
import DescopeConn

struct Init: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a vault, and a key for it.",
        discussion: """
            The key is written to a file that only you can read, unless there is one already or DESCOPE_CONN_VAULT_KEY \
            holds it. Without the key nobody can open the vault: keep a copy of it, and not beside the copies of the vault.
            """)

    @OptionGroup(title: "Where the vault is") var vault: VaultOptions
    @OptionGroup var answers: OutputOptions

    func run() async throws {
        let place = try vault.place
        guard !File.exists(place.path) else {
            throw Failure(
                .conflict, "there is already a vault at \(place.path)",
                hint: "Use it as it is, or name another one with --vault.")
        }
        try File.makeFolder(File.folder(of: try File.absolute(place.path)))
        let newKey = try makeKey(place)
        do {
            let client = try place.create()
            await client.close()
        } catch {
            if let newKey { File.remove(newKey) }
            throw error
        }
        let made = Made(vault: place.path, keyFile: newKey)
        try answers.output.answer(
            made,
            [
                "Made the vault \(place.path).",
                newKey.map { "Made its key \($0): keep a copy elsewhere." } ?? "Its key is \(place.keyWords).",
            ])
    }

    /// - Returns: the path of the key's file, if it had to be made.
    private func makeKey(_ place: VaultPlace) throws -> String? {
        guard case .file(let path) = place.key, !File.exists(path) else { return nil }
        try VaultPlace.makeKey(path)
        return path
    }

    private struct Made: Encodable {
        var vault: String
        var keyFile: String?
    }
}
