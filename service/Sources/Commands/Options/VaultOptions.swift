import ArgumentParser

/// Which vault a command works on.
struct VaultOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The vault's file.",
            discussion: "By default DESCOPE_CONN_VAULT, or vault.db in $XDG_DATA_HOME/descope-conn.", valueName: "path"),
        completion: .file())
    var vault: String?

    @Option(
        help: ArgumentHelp(
            "The file with the vault's key.",
            discussion: "By default the key is DESCOPE_CONN_VAULT_KEY, or in the vault's path with .key added.",
            valueName: "path"), completion: .file())
    var keyFile: String?

    var place: VaultPlace {
        get throws { try VaultPlace(vault: vault, keyFile: keyFile, environment: Environment.value) }
    }
}
