internal import API
internal import Cloud
package import Connections
internal import HTTP
package import JSON
internal import MCP
internal import Pages
internal import Plugins
internal import Runtime
internal import Store
internal import StoreSQLite
internal import Vault

extension Client {
    /// Makes a client from the config of `descope_conn_open`. No network traffic.
    package static func open(_ text: UnsafeRawBufferPointer) throws(ConnError) -> Client {
        let config: JSON
        do {
            config = try Request.parseObject(text, as: "the config")
        } catch {
            var error = error
            error.code = .invalidConfig
            throw error
        }
        return try open(config)
    }

    package static func open(_ config: JSON) throws(ConnError) -> Client {
        guard let name = config["backend"] else { throw .invalidConfig("backend", "is missing") }
        guard let kind = name.string.flatMap(BackendKind.init) else {
            let kinds = BackendKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalidConfig("backend", "must be one of \(kinds)")
        }
        let statistics = Statistics()
        switch kind {
        case .cloud:
            let config = try CloudConfig(config, environment: environmentVariable)
            return try Client(
                layered(CloudBackend(config, statistics: statistics), try APISettings(nil)), http: config.http,
                statistics: statistics)
        case .vault:
            let settings = config["api"]
            let config = try VaultConfig(config, environment: environmentVariable)
            let api = try APISettings(settings)
            let store = try open(config)
            do throws(ConnError) {
                return try Client(
                    layered(VaultBackend(store: store, config: config, statistics: statistics), api),
                    http: config.http, statistics: statistics)
            } catch {
                store.close()
                throw error
            }
        case .plugin:
            return try Client(
                layered(PluginBackend(config: config, statistics: statistics), try APISettings(nil)),
                http: HTTPOptions(), statistics: statistics)
        }
    }

    /// With what is made of a backend's own operations.
    private static func layered(_ backend: any Backend, _ api: APISettings) -> any Backend {
        APIBackend(PagesBackend(MCPBackend(backend)), api)
    }

    private static func open(_ config: VaultConfig) throws(ConnError) -> any Store {
        switch config.storage {
        case .path(let path): try SQLiteStore(path: path, creates: config.creates)
        case .plugin(let reference, let config): try PluginStore(reference, field: "store.plugin", config: config)
        }
    }
}
