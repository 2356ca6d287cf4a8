import Foundation
import Runtime
import TestSupport

@testable import HTTP

extension HTTPResponse {
    var text: String { body.withBytes { String(decoding: $0, as: UTF8.self) } }
}

extension HTTPTransport {
    func get(_ url: String, timeout: Int = 30_000) -> HTTPResult {
        perform(HTTPRequest(.get, url, timeoutMilliseconds: timeout), deadline: .never, cancellation: Cancellation())
    }

    func send(_ request: HTTPRequest) -> HTTPResult {
        perform(request, deadline: .never, cancellation: Cancellation())
    }
}

extension HTTPResult {
    var failure: HTTPFailure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
}

/// A transport that no proxy of the environment reaches.
func directTransport(caFile: String? = nil) throws -> CurlTransport {
    try CurlTransport(options: HTTPOptions(caFile: caFile, proxy: ""))
}

extension HTTPEngine {
    /// Waits until `count` exchanges have ended; a minute at most.
    func collect(_ count: Int) -> [UInt64: HTTPResult] {
        var results: [UInt64: HTTPResult] = [:]
        let deadline = Deadline.after(milliseconds: 60_000)
        while results.count < count, !deadline.hasPassed {
            for case (let id, .ended(let result)) in wait(until: deadline) { results[id] = result }
        }
        return results
    }
}

/// The descriptors of this process's connections to a server.
func connections(to server: TestServer) throws -> [Int32] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }.filter { descriptor in
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isConnected = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) == 0 }
        }
        return isConnected && address.sin_family == AF_INET && address.sin_port == in_port_t(server.port).bigEndian
    }
}

/// Returns when so many bytes have arrived from a server and not been read, on each of so many connections.
func waitForInput(from server: TestServer, bytes: Int32, connections count: Int = 1) throws {
    func arrived(_ connection: Int32) -> Bool {
        var waiting: Int32 = 0
        return ioctl(connection, UInt(FIONREAD), &waiting) == 0 && waiting >= bytes
    }
    while try connections(to: server).filter(arrived).count < count { sched_yield() }
}
