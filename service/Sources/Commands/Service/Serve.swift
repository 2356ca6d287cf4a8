import ArgumentParser
import DescopeConn
import Service

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve the pages, the console and Descope's REST API over a vault.",
        discussion: """
            The settings are in a JSON file, which docs/service.md describes. What is named in arguments goes before the \
            environment, and that before the file. With --dev there is nothing to set: the vault and its key are made in a \
            folder, the service listens on this machine alone, and whoever opens it is signed in as an administrator.
            """)

    @Option(
        help: ArgumentHelp("The settings' file.", discussion: "By default DESCOPE_CONN_CONFIG.", valueName: "path"),
        completion: .file())
    var config: String?
    @Option(
        help: ArgumentHelp(
            "Where to listen.", discussion: "By default DESCOPE_CONN_LISTEN, or 127.0.0.1:8080.", valueName: "host:port"
        ))
    var listen: String?
    @Option(
        help: ArgumentHelp(
            "Where to listen for administrators.", discussion: "By default DESCOPE_CONN_ADMINISTRATION, or nowhere.",
            valueName: "host:port"))
    var administration: String?
    @Option(
        help: ArgumentHelp(
            "The URL under which browsers see the service.", discussion: "By default DESCOPE_CONN_PUBLIC_URL.",
            valueName: "url"))
    var publicUrl: String?
    @Flag(help: "For development: without sign-in, on this machine alone.")
    var dev = false
    @Option(
        help: ArgumentHelp("With --dev: the folder of the vault and its key.", valueName: "path"),
        completion: .directory)
    var folder = ".descope-conn"
    @Flag(help: "Say whether the settings are right, and do not serve.")
    var check = false
    @OptionGroup(title: "Where the vault is") var vaultOptions: VaultOptions

    func validate() throws {
        if dev, vaultOptions.vault != nil || vaultOptions.keyFile != nil {
            throw ValidationError("With --dev the vault is in --folder.")
        }
    }

    func run() async throws {
        let settings: ServiceSettings
        do {
            settings = try ServiceSettings(try json(), isDevelopment: dev)
        } catch let error as ServiceError {
            throw Failure(.configuration, error.message, hint: "docs/service.md lists the settings.")
        }
        if dev { try makeKey() }
        let service: HTTPService
        do {
            service = try HTTPService(settings)
        } catch let error as ServiceError {
            throw Failure(.configuration, error.message)
        }
        if check {
            await service.close()
            return try Output(json: false).line("The settings are right.")
        }
        do {
            try await service.run(isListening: { urls in tell(urls) }, whenToldToStop: Signals.whenToldToStop)
        } catch let error as ServiceError {
            throw Failure(.configuration, error.message)
        }
    }

    private func tell(_ urls: [String]) {
        let path = ServiceSettings.pagesPath
        var lines = ["Pages:    \(urls[0])\(path)/"]
        let console = urls.count > 1 ? urls[1] : dev ? urls[0] : nil
        if let console { lines.append("Console:  \(console)\(path)/console") }
        lines.append("API:      \(urls[0])/v1/mgmt/outbound")
        if dev {
            lines.append("A key for the API: descope-conn management-keys create NAME --vault \(folder)/vault.db")
        }
        for line in lines { Output.note(line) }
    }

    private var developmentPlace: VaultPlace {
        get throws {
            try VaultPlace(vault: "\(try File.absolute(folder))/vault.db", keyFile: nil, environment: { _ in nil })
        }
    }

    /// Makes the key of the vault for development, and the folder of both.
    private func makeKey() throws {
        if case .file(let key) = try developmentPlace.key, !File.exists(key) { try VaultPlace.makeKey(key) }
    }

    /// The file's settings, with what the environment and the arguments say in their place.
    private func json() throws -> JSON {
        var members: [String: JSON] = [:]
        if let path = config ?? Environment.value("DESCOPE_CONN_CONFIG") {
            guard
                case .object(let given) = try JSONText.read(
                    try File.read(path, limit: 1 << 20), from: path, as: JSON.self)
            else {
                throw Failure(.configuration, "\(path) must hold a JSON object")
            }
            members = given
        }
        let texts = [
            ("listen", listen, "DESCOPE_CONN_LISTEN"),
            ("administration", administration, "DESCOPE_CONN_ADMINISTRATION"),
            ("publicUrl", publicUrl, "DESCOPE_CONN_PUBLIC_URL"),
        ]
        for (name, argument, variable) in texts {
            if let text = argument ?? Environment.value(variable) { members[name] = .string(text) }
        }
        members["vault"] = .object(try vault(members["vault"]))
        return .object(members)
    }

    private func vault(_ given: JSON?) throws -> [String: JSON] {
        var vault: [String: JSON] = [:]
        if case .object(let members)? = given { vault = members }
        if dev {
            let place = try developmentPlace
            vault["path"] = .string(place.path)
            vault["key"] = place.keySetting
            return vault
        }
        // A vault that is named goes before the file's.
        let isNamed = vaultOptions.vault != nil || Environment.value(VaultPlace.pathVariable) != nil
        if isNamed || vault["path"] == nil && vault["store"] == nil {
            let place = try vaultOptions.place
            vault["store"] = nil
            vault["path"] = .string(try File.absolute(place.path))
            vault["key"] = place.keySetting
        } else if vault["key"] == nil {
            vault["key"] = try vaultOptions.place.keySetting
        }
        if vault["create"] == nil { vault["create"] = false }
        return vault
    }
}
