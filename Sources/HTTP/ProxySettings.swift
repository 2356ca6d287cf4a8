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

    func proxy(for url: URL) -> String { url.scheme == "https" ? https : http }
}
