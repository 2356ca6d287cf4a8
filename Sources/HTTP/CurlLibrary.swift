internal import CCurl
internal import Runtime

/// libcurl itself.
enum CurlLibrary {
    /// Once a process, before anything of libcurl is used, URLs and header lists included: it also says which memory
    /// libcurl uses. Where libcurl is ours alone (linked statically), it wipes what it frees:
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
