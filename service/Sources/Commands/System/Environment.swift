import Glibc

/// The program's environment.
enum Environment {
    /// A variable; one that is empty counts as absent.
    static func value(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }

    /// What no other program needs to be told.
    static let secrets = [
        VaultPlace.keyVariable, CloudOptions.accessTokenVariable, "DESCOPE_MANAGEMENT_KEY", "DESCOPE_CONN_STATE_KEY",
    ]

    /// The environment for another program: without the vault's and Descope's keys, and with what is added.
    static func forChild(adding added: [String: String] = [:]) -> [String] {
        let left = Set(secrets).union(added.keys)
        var entries: [String] = []
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if !left.contains(String(text.prefix { $0 != "=" })) { entries.append(text) }
            next += 1
        }
        return entries + added.map { "\($0)=\($1)" }
    }

    /// The name of the account that the program runs as, or its number.
    static var account: String {
        guard let entry = getpwuid(getuid()), let name = entry.pointee.pw_name else { return "\(getuid())" }
        return String(cString: name)
    }
}
