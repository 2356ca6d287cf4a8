import Glibc
import Service

/// Listens on this machine's loopback interface until the browser has come back.
///
/// Browsers open connections ahead and leave them silent, so several are read side by side, and none holds up the
/// others.
struct CallbackServer: ~Copyable {
    /// The port is filled in where 0 asked for a free one.
    private(set) var address: CallbackAddress
    private let listener: Int32
    private var connections: [(descriptor: Int32, bytes: [UInt8])] = []

    private static let mostConnections = 64

    init(_ address: CallbackAddress) throws {
        self.address = address
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard listener >= 0 else { throw File.failure("cannot listen on this machine", .last) }
        var on: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = address.port.bigEndian
        name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listens = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 16) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard listens else {
            let error = SystemError.last
            close(listener)
            throw Failure(
                .unavailable, "cannot listen on port \(address.port) of this machine: \(error.words)",
                hint: "Name another one with --port; the provider must know the redirect URI with it.")
        }
        self.address.port = UInt16(bigEndian: name.sin_port)
    }

    deinit {
        close(listener)
        for connection in connections { close(connection.descriptor) }
    }

    /// The query of the next request to the callback's path. Others are answered on the way.
    /// - Returns: nil when the time has passed.
    mutating func next(until deadline: ContinuousClock.Instant) throws -> Visit? {
        while true {
            let left = deadline - .now
            guard left > .zero else { return nil }
            let ready = try wait(left)
            for descriptor in ready where descriptor != listener {
                if let visit = read(descriptor) { return visit }
            }
            if ready.contains(listener) { accept() }
        }
    }

    private func wait(_ time: Duration) throws -> [Int32] {
        var entries = ([listener] + connections.map(\.descriptor)).map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        let milliseconds = Int32(clamping: time.components.seconds * 1000 + 1000)
        guard poll(&entries, nfds_t(entries.count), milliseconds) >= 0 || errno == EINTR else {
            throw File.failure("cannot wait for the browser", .last)
        }
        return entries.filter { $0.revents != 0 }.map(\.fd)
    }

    private mutating func accept() {
        let descriptor = Glibc.accept(listener, nil, nil)
        guard descriptor >= 0 else { return }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        if connections.count == Self.mostConnections { close(connections.removeFirst().descriptor) }
        connections.append((descriptor, []))
    }

    private mutating func read(_ descriptor: Int32) -> Visit? {
        guard let index = connections.firstIndex(where: { $0.descriptor == descriptor }) else { return nil }
        var chunk = [UInt8](repeating: 0, count: 8192)
        let count = recv(descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
        guard count > 0 else {
            if count == 0 || errno != EAGAIN { close(connections.remove(at: index).descriptor) }
            return nil
        }
        connections[index].bytes += chunk[..<count]
        let reading = RequestHead.read(connections[index].bytes)
        if reading == .incomplete { return nil }
        connections.remove(at: index)
        let visitor = Visitor(descriptor)
        guard case .whole(let head) = reading, address.isHost(head.host) else {
            visitor.show(.malformed)
            return nil
        }
        guard head.path == address.path, head.method == "GET" else {
            visitor.show(.notFound)
            return nil
        }
        return Visit(query: Query(head.query), visitor: visitor)
    }
}

/// A browser that has come back, and waits for a page.
struct Visit {
    let query: Query
    let visitor: Visitor
}

/// A connection to a browser, which gets one page.
final class Visitor: Sendable {
    private let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    func show(_ page: CallbackPage) {
        var time = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        var rest = Array(page.response.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
        shutdown(descriptor, Int32(SHUT_WR))
    }
}
