internal import CDescopeConn
internal import Connections
internal import Runtime

/// What the library offers to plugins: `descope_conn_host`.
enum PluginHost {
    /// Lives as long as the process.
    nonisolated(unsafe) static let table: UnsafePointer<descope_conn_host> = {  // written once, before it is shared
        let table = UnsafeMutablePointer<descope_conn_host>.allocate(capacity: 1)
        table.initialize(
            to: descope_conn_host(
                struct_size: MemoryLayout<descope_conn_host>.size,
                abi: DESCOPE_CONN_ABI,
                alloc: { WipingAllocator.allocate($0) },
                free: { WipingAllocator.free($0) },
                cancelled: { context in
                    guard let cancellation = context?.pointee.host_private else { return 0 }
                    return Unmanaged<Cancellation>.fromOpaque(cancellation).takeUnretainedValue().isCancelled ? 1 : 0
                },
                log: { level, message, length in
                    guard let message, length >= 0, let level = Log.Level(rawValue: level) else { return }
                    let bytes = UnsafeRawBufferPointer(start: message, count: length)
                    Log.write(level, String(decoding: bytes, as: UTF8.self))
                }))
        return UnsafePointer(table)
    }()

    /// The bytes that a plugin handed back; wiped and freed when this returns. Nil when there are none.
    static func take<Result>(_ bytes: descope_conn_bytes, _ body: (UnsafeRawBufferPointer) -> Result) -> Result? {
        guard let data = bytes.data else { return nil }
        defer { WipingAllocator.free(data) }
        return body(UnsafeRawBufferPointer(start: data, count: max(0, bytes.len)))
    }
}
