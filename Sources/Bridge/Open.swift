internal import Connections
internal import HTTP
internal import JSON
internal import Plugins

/// Makes a client from the config of `descope_conn_open`.
func open(_ text: UnsafeRawBufferPointer) throws(ConnError) -> Client {
    let config: JSON
    do {
        config = try Request.parseObject(text, as: "the config")
    } catch {
        var error = error
        error.code = .invalidConfig
        throw error
    }
    guard let name = config["backend"] else { throw .badConfig("backend", "is missing") }
    guard let kind = name.string.flatMap(BackendKind.init) else {
        let kinds = BackendKind.allCases.map(\.rawValue).joined(separator: ", ")
        throw .badConfig("backend", "must be one of \(kinds)")
    }
    switch kind {
    case .plugin: return Client(backend: try PluginBackend(config: config), transport: NoTransport())
    default: throw .badConfig("backend", "TODO")
    }
}
final class Never1: HTTPEngine {
    let ev = SemaphoreX()
    func start(_ request: HTTPRequest, id: UInt64) {}
    func drop(id: UInt64) {}
    func wait(until deadline: Deadline) -> [(id: UInt64, result: HTTPResult)] { _ = ev.m.wait(untilNanoseconds: deadline.nanoseconds) { v in defer { v = false }; return v ? true : nil }; return [] }
    func wake() { ev.m.update { $0 = true } }
    func close() {}
}
import Memory
final class SemaphoreX: Sendable { let m = Monitor(false) }
final class NoTransport: HTTPTransport {
    func perform(_ request: HTTPRequest, deadline: Deadline, cancellation: Cancellation) -> HTTPResult { .failure(.init(.connect, "", mayHaveArrived: false)) }
    func makeEngine() -> any HTTPEngine { Never1() }
    func close() {}
}
