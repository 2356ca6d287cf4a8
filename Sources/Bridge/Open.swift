internal import Cloud
internal import Connections
internal import HTTP
internal import JSON
internal import Plugins

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
        let config = try CloudConfig(config, environment: CloudConfig.environment)
        return Client(backend: CloudBackend(config), transport: try transport(config.http))
    case .plugin:
        return Client(backend: try PluginBackend(config: config), transport: try transport(HTTPOptions()))
    default: fatalError()
    }
}

private func transport(_ options: HTTPOptions) throws(ConnError) -> CurlTransport {
    do {
        return try CurlTransport(options: options)
    } catch {
        throw .invalidConfig("caFile", "caFile: \(error.message)")
    }
}
