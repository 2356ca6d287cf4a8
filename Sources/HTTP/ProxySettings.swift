internal import Runtime

/// Which proxy to use for which server. Read once: the environment may change under a running exchange otherwise.
struct ProxySettings: Sendable {
    /// For http and https URLs; empty is none.
    var http: String
    var https: String
    /// Hosts that are spoken to directly, as libcurl's `CURLOPT_NOPROXY` takes them.
    var exceptions: String

    /// - Parameter configured: `HTTPOptions.proxy`. When there, it is for every server and the environment does not count.
    init(_ configured: String?, environment: (String) -> String? = environmentVariable) {
        if let configured {
            (http, https, exceptions) = (configured, configured, "")
            return
        }
        func first(_ names: String...) -> String { names.lazy.compactMap(environment).first ?? "" }
        // Not HTTP_PROXY: in a CGI program that is the client's own Proxy header (httpoxy, CVE-2016-5385).
        http = first("http_proxy", "all_proxy", "ALL_PROXY")
        https = first("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
        exceptions = first("no_proxy", "NO_PROXY")
    }

    /// Empty is none. Plain http is only for this machine, and stays on it.
    func proxy(for url: URL) -> String {
        if url.scheme == "https" { return https }
        return url.isLoopback ? "" : http
    }
}

extension HTTPOptions {
    private static let proxySchemes: Set = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]

    /// Whether the configured proxy, if there is one, is a URL that libcurl takes; without a scheme it is http.
    package var hasUsableProxy: Bool {
        guard let proxy, !proxy.isEmpty else { return true }
        guard let url = URL(proxy.utf8.contains(UInt8(ascii: "/")) ? proxy : "http://" + proxy) else { return false }
        return Self.proxySchemes.contains(url.scheme) && !url.host.isEmpty
    }
}
