/// Where a browser comes back to on this machine (RFC 8252, section 7.3).
struct CallbackAddress: Equatable {
    /// The port that is listened on unless another one is named. Fixed, so that the URL can be registered once.
    static let defaultPort: UInt16 = 8914
    static let defaultPath = "/callback"

    var host = "127.0.0.1"
    var port: UInt16
    var path = defaultPath

    var url: String { "http://\(host):\(port)\(path)" }

    /// Whether a request was meant for this address. Another Host is another site's name for this machine.
    func isHost(_ host: String?) -> Bool {
        ["127.0.0.1", "localhost"].contains { host == "\($0):\(port)" }
    }
}

extension CallbackAddress {
    /// - Returns: nil if the URL is not one of this machine that can be listened on.
    init?(url: String) {
        let scheme = "http://"
        guard url.hasPrefix(scheme) else { return nil }
        let rest = url.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" }
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        let path = String(rest.dropFirst(authority.count))
        guard parts.count == 2, ["127.0.0.1", "localhost"].contains(parts[0]), let port = UInt16(parts[1]), port > 0,
            !path.contains("?"), !path.contains("#")
        else { return nil }
        self.init(host: String(parts[0]), port: port, path: path.isEmpty ? "/" : path)
    }

    /// The one to use for a connection: what the arguments say, otherwise what is registered for it, if that is here.
    static func choose(port: UInt16?, registered: String?) -> CallbackAddress {
        if let port { return CallbackAddress(port: port) }
        return registered.flatMap(CallbackAddress.init(url:)) ?? CallbackAddress(port: defaultPort)
    }
}
