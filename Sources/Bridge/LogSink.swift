internal import CDescopeConn
internal import Connections

/// The host's log function, as the library's one sink.
enum LogSink {
    /// The host's own pointer; it says that its function may be called from any thread.
    private struct Target: @unchecked Sendable {
        let log: descope_conn_log_fn
        let user: UnsafeMutableRawPointer?
    }

    static func set(maxLevel: Int32, log: descope_conn_log_fn?, user: UnsafeMutableRawPointer?) {
        guard let log else {
            Log.set(maxLevel: 0, sink: nil)
            return
        }
        let target = Target(log: log, user: user)
        Log.set(maxLevel: maxLevel) { level, line in
            var line = line
            line.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { text in
                    target.log(target.user, level.rawValue, text.baseAddress, text.count)
                }
            }
        }
    }
}
