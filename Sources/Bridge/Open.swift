internal import Cloud
internal import Connections
internal import HTTP
internal import JSON
internal import MCP
internal import Plugins
internal import StoreSQLite
internal import Vault

/// Makes a client from the config of `descope_conn_open`. No network traffic.
func open(_ text: UnsafeRawBufferPointer) throws(ConnError) -> Client {
    let config: JSON
    do {
        config = try Request.parseObject(text, as: "the config")
    } catch {
        var error = error
        error.code = .invalidConfig
        throw error
    }
    guard let name = config["backend"] else { throw .invalidConfig("backend", "is missing") }
    guard let kind = name.string.flatMap(BackendKind.init) else {
        let kinds = BackendKind.allCases.map(\.rawValue).joined(separator: ", ")
        throw .invalidConfig("backend", "must be one of \(kinds)")
    }
    switch kind {
    case .cloud:
        let config = try CloudConfig(config, environment: environmentVariable)
        return try Client(MCPBackend(CloudBackend(config)), http: config.http)
    case .vault:
        let config = try VaultConfig(config, environment: environmentVariable)
        return try client(of: open(config.storage)) { store throws(ConnError) in
            try Client(MCPBackend(VaultBackend(store: store, config: config)), http: config.http)
        }
    case .plugin:
        return try Client(MCPBackend(PluginBackend(config: config)), http: HTTPOptions())
    }
}

private func open(_ storage: VaultConfig.Storage) throws(ConnError) -> any Store {
    switch storage {
    case .path(let path): try SQLiteStore(path: path)
    case .plugin(let reference, let config): try PluginStore(reference, field: "store.plugin", config: config)
    }
}

/// A store that comes to no client is closed.
private func client(
    of store: any Store, _ make: (any Store) throws(ConnError) -> Client
) throws(ConnError) -> Client {
    do {
        return try make(store)
    } catch {
        store.close()
        throw error
    }
}
