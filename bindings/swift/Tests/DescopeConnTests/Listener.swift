import Foundation
import Glibc

/// A server on this machine that takes connections and never answers.
final class Listener: Sendable {
    let port: UInt16
    private let socket: Int32

    init() throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let socket = socket
        let isListening = withUnsafeMutableBytes(of: &address) { bytes in
            let raw = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return bind(socket, raw, length) == 0 && listen(socket, 8) == 0 && getsockname(socket, raw, &length) == 0
        }
        guard isListening else { throw POSIXError(.EADDRINUSE) }
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(socket) }

    /// Returns when somebody has connected.
    func waitForConnection() async throws {
        let socket = socket
        let connected = await withCheckedContinuation { done in
            Thread.detachNewThread { done.resume(returning: accept(socket, nil, nil)) }
        }
        guard connected >= 0 else { throw POSIXError(.ECONNABORTED) }
    }
}
