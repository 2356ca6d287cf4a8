internal import Cloud
internal import Connections
internal import Glibc
internal import HTTP
internal import JSON
internal import Plugins
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
    guard let name = config["backend"] else { throw .invalidConfig("backend", "backend is missing") }
    guard let kind = name.string.flatMap(BackendKind.init) else {
        let kinds = BackendKind.allCases.map(\.rawValue).joined(separator: ", ")
        throw .invalidConfig("backend", "backend must be one of \(kinds)")
    }
    switch kind {
    case .cloud:
        let config = try CloudConfig(config, environment: environment)
        return Client(backend: CloudBackend(config), transport: try transport(config.http))
    case .vault:
        let config = try VaultConfig(config, environment: environment)
        let transport = try transport(config.http)
        let store: any Store =
            switch config.storage {
            case .path(let path): try SQLiteStore(path: path)
            case .plugin(let reference, let config): try PluginStore(reference, field: "store.plugin", config: config)
            }
        do {
            return Client(backend: try VaultBackend(store: store, config: config), transport: transport)
        } catch {
            store.close()
            throw error
        }
    case .plugin:
        return Client(backend: try PluginBackend(config: config), transport: try transport(HTTPOptions()))
    }
}

private func transport(_ options: HTTPOptions) throws(ConnError) -> CurlTransport {
    do {
        return try CurlTransport(options: options)
    } catch {
        throw .invalidConfig("caFile", "caFile: \(error.message)")
    }
}

/// A variable of the process's environment.
private func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
