/// What a transport's exchanges have in common.
struct CurlSettings: Sendable {
    let proxies: ProxySettings
    let trust: TrustStore?

    /// - Throws: `invalid` when a CA file or folder that was named is not there.
    init(_ options: HTTPOptions) throws(HTTPFailure) {
        proxies = ProxySettings(options.proxy)
        trust = try TrustStore.find(options.caFile)
    }
}
