import DescopeConn

/// Where a vault and its key are.
struct VaultPlace: Equatable {
    enum Key: Equatable {
        case file(String)
        /// The variable's name.
        case variable(String)
    }

    static let pathVariable = "DESCOPE_CONN_VAULT"
    static let keyVariable = "DESCOPE_CONN_VAULT_KEY"

    var path: String
    var key: Key

    /// What was named in arguments goes before the environment, and that before the defaults: a file in the user's data
    /// folder, and its key beside it.
    init(vault: String?, keyFile: String?, environment: (String) -> String?) throws {
        path = try vault ?? environment(Self.pathVariable) ?? Self.defaultPath(environment)
        if let keyFile {
            key = .file(keyFile)
        } else if environment(Self.keyVariable) != nil {
            key = .variable(Self.keyVariable)
        } else {
            key = .file(path + ".key")
        }
    }

    /// https://specifications.freedesktop.org/basedir-spec: a relative XDG_DATA_HOME counts as absent.
    private static func defaultPath(_ environment: (String) -> String?) throws -> String {
        if let data = environment("XDG_DATA_HOME"), data.hasPrefix("/") { return "\(data)/descope-conn/vault.db" }
        guard let home = environment("HOME") else {
            throw Failure(.configuration, "there is no HOME to find the vault in", hint: "Name the vault with --vault.")
        }
        return "\(home)/.local/share/descope-conn/vault.db"
    }

    var keySetting: JSON {
        switch key {
        case .file(let path): ["file": .string(path)]
        case .variable(let name): ["env": .string(name)]
        }
    }

    var keyWords: String {
        switch key {
        case .file(let path): path
        case .variable(let name): "the variable \(name)"
        }
    }

    /// Opens the vault, which must exist.
    /// - Parameter settings: more of the vault's configuration.
    func open(_ settings: [String: JSON] = [:]) throws -> Client {
        guard !File.isMissing(path) else {
            throw Failure(
                .configuration, "there is no vault at \(path)",
                hint: "Make one with descope-conn init, or name another one with --vault.")
        }
        if case .file(let keyFile) = key, File.isMissing(keyFile) {
            throw Failure(
                .configuration, "the vault's key is missing: there is no file \(keyFile)",
                hint: "Name the key's file with --key-file, or put the key into \(Self.keyVariable).")
        }
        return try Client(config.merging(settings) { $1 })
    }

    /// Makes the vault.
    func create() throws -> Client { try Client(config.merging(["create": true]) { $1 }) }

    /// Makes a file with a new key.
    static func makeKey(_ path: String) throws {
        try File.makeFolder(File.folder(of: try File.absolute(path)))
        try File.create(path, "\(Random.bytes(32).hexadecimal)\n".utf8)
    }

    private var config: [String: JSON] {
        ["backend": "vault", "path": .string(path), "key": keySetting, "create": false]
    }
}
