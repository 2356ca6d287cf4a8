internal import CCurl
internal import Memory

/// What a transport's exchanges have in common.
struct CurlSettings: Sendable {
    let proxies: ProxySettings
    let trust: TrustStore?

    /// - Throws: `invalid` when a CA file or folder that was named is not there.
    init(_ options: HTTPOptions) throws(HTTPFailure) {
        proxies = ProxySettings(options.proxy)
        trust = try TrustStore.find(options.caFile)
    }

    /// Once a process, before the first handle. Where libcurl is ours alone (linked statically), it wipes what it frees:
    /// its buffers hold requests and replies.
    static let isReady: Bool = {
        #if STATIC_DEPENDENCIES
            return curl_global_init_mem(
                Int(CURL_GLOBAL_DEFAULT), { WipingAllocator.allocate($0) }, { WipingAllocator.free($0) },
                { WipingAllocator.reallocate($0, $1) }, { WipingAllocator.duplicate($0) },
                { WipingAllocator.allocateZeroed($0, $1) }) == CURLE_OK
        #else
            return curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
        #endif
    }()
}
