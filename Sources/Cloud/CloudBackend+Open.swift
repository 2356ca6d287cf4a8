package import Connections
internal import HTTP
package import JSON

extension CloudBackend {
    /// Makes a client from the config of `open`. Sends nothing.
    /// - Parameter environment: the value of a variable, nil when it is not set or empty.
    /// - Throws: `invalid_config`, with the field.
    package static func open(
        _ config: JSON, environment: (String) -> String? = environmentVariable
    ) throws(ConnError) -> Client {
        let config = try CloudConfig(config, environment: environment)
        let transport: CurlTransport
        do {
            transport = try CurlTransport(options: config.http)
        } catch {
            throw .badConfig("caFile", "cannot be used: \(error.message)")
        }
        return Client(backend: CloudBackend(config), transport: transport)
    }
}
