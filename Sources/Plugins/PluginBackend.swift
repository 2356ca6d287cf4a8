internal import CDescopeConn
package import Connections
package import JSON
internal import Runtime

/// A backend that somebody else wrote.
package final class PluginBackend: Backend {
    package let kind = BackendKind.plugin
    private let instance: PluginInstance
    private let statistics: Statistics

    /// The config of `open`: `{"backend":"plugin","library":"/abs/lib.so","config":{}}`.
    private static let fields = [
        Field("backend", .string(), required: true, "plugin"),
        Field("library", .string(maxBytes: 4096), required: true, "An absolute path, or a registered plugin's name."),
        Field("config", .anyObject, "Passed to the plugin unchanged."),
    ]

    package init(config: JSON, statistics: Statistics = Statistics()) throws(ConnError) {
        try Field.checkConfig(config, against: Self.fields, backend: .plugin)
        guard let library = config["library"]?.string else { throw .invalid("library", "is missing") }
        self.statistics = statistics
        instance = try PluginInstance(library, kind: .backend, field: "library", config: config["config"] ?? .object())
    }

    package func begin(_ request: Request) throws(ConnError) -> Step<JSON> {
        guard request.operation == "fetch" else { return perform(request) }
        return try statistics.fetch(request) { () throws(ConnError) in perform(request) }
    }

    private func perform(_ request: Request) -> Step<JSON> {
        let text = request.fields.shallowCopy()
        text.set("op", .string(request.operation))
        return .blocking { [instance] (context) throws(ConnError) in
            let answer = try Self.call(instance, text.secret, context)
            if let name = Asked.strangeMember(of: answer, to: request.operation, request.fields) {
                throw ConnError(
                    .internal, "the plugin \(instance.library.name) answered with another \(name) than was asked for")
            }
            return .done(answer)
        }
    }

    package func close() { instance.close() }

    private static func call(
        _ instance: PluginInstance, _ request: Secret, _ context: CallContext
    ) throws(ConnError) -> JSON {
        guard let call = instance.library.table.backend?.pointee.call else {
            throw ConnError(.internal, "the plugin \(instance.library.name) lost its call function")
        }
        var answer = descope_conn_bytes()
        let status = request.withBytes { text in
            instance.call(context) { plugin, context in
                call(plugin, context, text.bindMemory(to: CChar.self).baseAddress, text.count, &answer)
            }
        }
        guard status == DESCOPE_CONN_OK else { throw instance.failure(status, answer) }
        let object = PluginHost.take(answer) { text in try? JSON.parse(text) } ?? nil
        guard let object, object.kind == .object else {
            throw ConnError(.internal, "the plugin \(instance.library.name) answered something that is no JSON object")
        }
        return object
    }
}
