import Glibc

/// A server's name and port.
struct Server: Equatable {
    var host: String
    var port: String

    /// - Returns: nil for what is no URL of HTTP, and for one with placeholders.
    init?(url: String) {
        let ports = ["https://": "443", "http://": "80"]
        guard let (scheme, port) = ports.first(where: { url.hasPrefix($0.key) }) else { return nil }
        let authority = url.dropFirst(scheme.count).prefix { !"/?#".contains($0) }
        guard !authority.isEmpty, !authority.contains("{"), !authority.contains("@") else { return nil }
        let end = authority.lastIndex(of: "]") ?? authority.startIndex
        if let colon = authority[end...].lastIndex(of: ":") {
            host = String(authority[..<colon])
            self.port = String(authority[authority.index(after: colon)...])
        } else {
            host = String(authority)
            self.port = port
        }
        if host.hasPrefix("[") { host = String(host.dropFirst().dropLast()) }
    }

    var words: String { "\(host), port \(port)" }

    /// Tries to connect to each of its addresses.
    /// - Returns: why none of them answers; nil if one does.
    func unreachable(within seconds: Int) -> String? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, port, &hints, &found)
        guard code == 0 else { return String(cString: gai_strerror(code)).lowercased() }
        defer { freeaddrinfo(found) }
        var reason = "it has no address"
        var next = found
        while let address = next {
            guard let error = Self.connectError(address.pointee, seconds) else { return nil }
            reason = error.words
            next = address.pointee.ai_next
        }
        return reason
    }

    private static func connectError(_ address: addrinfo, _ seconds: Int) -> SystemError? {
        let descriptor = socket(
            address.ai_family, address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue),
            address.ai_protocol)
        guard descriptor >= 0 else { return .last }
        defer { close(descriptor) }
        if connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return nil }
        guard errno == EINPROGRESS else { return .last }
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&entry, 1, Int32(seconds * 1000)) == 1 else { return SystemError(ETIMEDOUT) }
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        return code == 0 ? nil : SystemError(code)
    }
}
