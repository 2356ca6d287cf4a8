internal import CDescopeConn
internal import Connections
internal import JSON
internal import Runtime

/// One opened plugin: its `self`, and the rule whether calls on it may overlap.
final class PluginInstance: @unchecked Sendable {  // the plugin's functions may be called from any thread
    let library: PluginLibrary
    private let instance: UnsafeMutableRawPointer?
    /// For plugins that want one call at a time. Nil for the others.
    private let turn: Turn?
    /// For what the plugin says.
    private let redaction: Redaction

    /// - Parameters:
    ///   - reference: an absolute path, or the name of a registered plugin.
    ///   - field: the config's field that holds it.
    ///   - config: handed to the plugin as it is.
    init(_ reference: String, kind: PluginLibrary.Kind, field: String, config: JSON) throws(ConnError) {
        let library = try PluginLibrary.find(reference, kind: kind, field: field)
        guard let open = library.table.open else { throw ConnError(.internal, "the plugin lost its open function") }
        var instance: UnsafeMutableRawPointer?
        var error = descope_conn_bytes()
        let status = config.secret.withBytes { text in
            open(text.bindMemory(to: CChar.self).baseAddress, text.count, &instance, &error)
        }
        redaction = PluginConfig.redaction(of: config)
        let said = Self.error(error, redaction)
        guard status == DESCOPE_CONN_OK else {
            let words = "the plugin \(library.name) does not open: \(said?.message ?? "status \(status)")"
            // That passes by itself; whatever else keeps it from opening does so until somebody changes something.
            if said?.code == .unavailable { throw ConnError(.unavailable, words) }
            throw ConnError(.invalidConfig, words, field: field)
        }
        self.library = library
        self.instance = instance
        turn = library.table.flags & DESCOPE_CONN_PLUGIN_SERIAL != 0 ? Turn() : nil
    }

    /// After the last call has returned.
    func close() { library.table.close?(instance) }

    /// Calls one of the plugin's functions.
    /// - Returns: its status; `E_TIMEOUT` or `E_CANCELLED` if that came before its turn.
    func call(
        _ context: CallContext,
        _ body: (UnsafeMutableRawPointer?, UnsafePointer<descope_conn_context>) -> Int32
    ) -> Int32 {
        do throws(ConnError) {
            try turn?.take(context)
        } catch {
            return error.code == .cancelled ? DESCOPE_CONN_E_CANCELLED : DESCOPE_CONN_E_TIMEOUT
        }
        defer { turn?.give() }
        var raw = descope_conn_context(
            struct_size: MemoryLayout<descope_conn_context>.size, deadline_ns: context.deadline.nanoseconds,
            host_private: Unmanaged.passUnretained(context.cancellation).toOpaque())
        return withExtendedLifetime(context.cancellation) { body(instance, &raw) }
    }

    /// Throws what a status other than `OK` meant. Frees the error, which a plugin may have left beside `OK` too.
    func check(_ status: Int32, _ error: descope_conn_bytes) throws(ConnError) {
        let failure = failure(status, error)
        guard status == DESCOPE_CONN_OK else { throw failure }
    }

    /// What a failed function meant.
    func failure(_ status: Int32, _ error: descope_conn_bytes) -> ConnError {
        let said = Self.error(error, redaction)
        switch status {
        case DESCOPE_CONN_E_TIMEOUT: return .timeout
        case DESCOPE_CONN_E_CANCELLED: return .cancelled
        case DESCOPE_CONN_E_FAILED:
            return said ?? ConnError(.internal, "the plugin \(library.name) failed and did not say why")
        default:
            return ConnError(.internal, "the plugin \(library.name) answered status \(status)")
        }
    }

    /// `{"code","message",...}` as a plugin hands it back, in words that may be repeated. Nil when there is none.
    private static func error(_ bytes: descope_conn_bytes, _ redaction: Redaction) -> ConnError? {
        PluginHost.take(bytes) { text in
            guard var error = (try? JSON.parse(text)).map(ConnError.init(reading:)) else {
                return ConnError(.internal, "its error is no JSON")
            }
            error.message = redaction.clean(error.message) ?? ""
            return redaction.clean(error)
        }
    }
}
