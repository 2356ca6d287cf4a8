internal import Glibc

/// The sockets of one multi handle's connections. libcurl does not say which of them a connection has that it is about to
/// use; its addresses do.
final class CurlSockets {
    private struct Address: Equatable {
        var host: String
        var port: Int32
    }

    private var sockets: Set<Int32> = []

    /// Makes a socket that no child process inherits.
    /// - Returns: -1 when no descriptor is left.
    func open(family: Int32, type: Int32, protocol: Int32) -> Int32 {
        let made = socket(family, type | Int32(SOCK_CLOEXEC.rawValue), `protocol`)
        if made >= 0 { sockets.insert(made) }
        return made
    }

    func close(_ socket: Int32) -> Int32 {
        sockets.remove(socket)
        return Glibc.close(socket)
    }

    /// The socket of a connection from here to there, hosts as addresses in their usual form.
    func find(from host: String, _ port: Int32, to peerHost: String, _ peerPort: Int32) -> Int32? {
        let found = sockets.compactMap { socket -> (socket: Int32, peer: Address)? in
            guard address(of: socket, getsockname) == Address(host: host, port: port),
                let peer = address(of: socket, getpeername), peer.host == peerHost
            else { return nil }
            return (socket, peer)
        }
        // Through a proxy the port is the server's, and not of use. More than one is rare: ports are given out once for
        // each server.
        return (found.first { $0.peer.port == peerPort } ?? found.first)?.socket
    }

    /// Whether something has arrived, the end included.
    static func hasInput(_ socket: Int32) -> Bool {
        var state = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        return poll(&state, 1, 0) != 0
    }

    private func address(
        of socket: Int32,
        _ get: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> Address? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &storage) { bytes in
            guard let base = bytes.baseAddress,
                get(socket, base.assumingMemoryBound(to: sockaddr.self), &length) == 0
            else { return nil }
            let family = Int32(bytes.load(as: sa_family_t.self))
            // in the same place for IPv4 and IPv6
            let port = bytes.load(fromByteOffset: MemoryLayout<sa_family_t>.size, as: in_port_t.self)
            let host = AddressPolicy.bytes(of: UnsafeRawBufferPointer(bytes), family: family)
            return Address(host: AddressPolicy.text(host), port: Int32(in_port_t(bigEndian: port)))
        }
    }
}
