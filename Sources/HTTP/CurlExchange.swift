internal import CCurl
internal import Glibc
internal import Runtime

/// One exchange through libcurl. Its easy handle lives from ``open(_:)`` to deinit, and no longer than the exchange, so
/// that nothing of one request is left for the next; connections belong to the `CurlMulti`.
final class CurlExchange {
    let id: UInt64
    let request: HTTPRequest
    let url: URL
    /// The caller's or the request's own, whichever comes first.
    let deadline: Deadline

    private let settings: CurlSettings
    private let headers: HeaderList
    private(set) var handle: UnsafeMutableRawPointer?
    private let reason: UnsafeMutablePointer<CChar>
    /// Those of the multi handle that it is in.
    private var sockets: CurlSockets?
    /// Its connection's, once it has one.
    private var socket: Int32?

    // What libcurl's callbacks have seen.
    private var responseHeaders: [ID: String] = [:]
    private var headerBytes = 0
    private var body = ReceiveBuffer()
    private var isTooLarge = false
    private var refusedAddress: [UInt8]?
    /// Set when a connection was there, with its TLS and through its proxy, and the request began to be sent.
    private var hasBegunRequest = false

    /// More bytes of headers than this end the exchange.
    private static let maxHeaderBytes = 256 << 10
    private static let connectMilliseconds = 10_000
    /// What a connection idles before it is probed, and between probes. Seconds.
    private static let keepaliveSeconds = 60
    private static let userAgent = "descope_conn/\(libraryVersion)"

    /// - Throws: `invalid` or `blockedAddress` for a request that is not made at all.
    init(
        _ request: HTTPRequest, id: UInt64 = 0, deadline: Deadline = .never, settings: CurlSettings
    ) throws(HTTPFailure) {
        let url = try URL(exchange: request.url)
        guard url.scheme != "https" || settings.trust != nil else {
            throw HTTPFailure(
                .invalid, "\(url.host): no certificate authorities are installed; set caFile or SSL_CERT_FILE",
                mayHaveArrived: false)
        }
        guard !request.publicAddressesOnly || !AddressPolicy.refusesLiteral(url.host) else {
            throw HTTPFailure(.blockedAddress, "\(url.host) is not a public address", mayHaveArrived: false)
        }
        headers = try HeaderList(request)
        self.id = id
        self.request = request
        self.url = url
        self.deadline = min(deadline, .after(milliseconds: request.timeoutMilliseconds))
        self.settings = settings
        reason = .allocate(capacity: Int(CURL_ERROR_SIZE))  // last: a throwing init frees nothing
        reason.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        curl_easy_cleanup(handle)
        reason.deallocate()
    }

    // MARK: - Options

    /// Makes the easy handle, ready for a `CurlMulti` with these sockets. Its callbacks point to this object; the one that
    /// closes a socket outlives it, and points to `sockets`.
    func open(_ sockets: CurlSockets) throws(HTTPFailure) -> UnsafeMutableRawPointer {
        let milliseconds = deadline.remainingMilliseconds(atMost: Int(Int32.max))
        guard milliseconds > 0 else { throw timeout }
        guard let handle = curl_easy_init() else {
            throw HTTPFailure(.connect, "\(url.host): out of memory", mayHaveArrived: false)
        }
        self.handle = handle
        self.sockets = sockets
        var refused: CURLoption?
        func set(_ option: CURLoption, _ value: Int) {
            if dc_curl_set_long(handle, option, value) != CURLE_OK { refused = option }
        }
        func set(_ option: CURLoption, _ value: String?) {
            if dc_curl_set_pointer(handle, option, value) != CURLE_OK { refused = option }
        }
        func set(_ option: CURLoption, pointer: UnsafeRawPointer?) {
            if dc_curl_set_pointer(handle, option, pointer) != CURLE_OK { refused = option }
        }
        let me = UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())

        set(CURLOPT_URL, request.url)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_PATH_AS_IS, 1)
        set(CURLOPT_USERAGENT, Self.userAgent)
        set(CURLOPT_HTTPHEADER, pointer: UnsafeRawPointer(headers.first))

        set(CURLOPT_NOSIGNAL, 1)
        // An exchange that ends while its name is still being resolved does not wait for the resolver's thread.
        set(CURLOPT_QUICK_EXIT, 1)
        // libcurl ends only what takes too long to connect. Its own limit for the whole (CURLOPT_TIMEOUT_MS) it applies
        // before it reads: a reply that has arrived would be lost. Whoever performs sees to the deadline, after reading.
        set(CURLOPT_CONNECTTIMEOUT_MS, min(milliseconds, Self.connectMilliseconds))
        set(CURLOPT_TCP_NODELAY, 1)
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_TCP_KEEPIDLE, Self.keepaliveSeconds)
        set(CURLOPT_TCP_KEEPINTVL, Self.keepaliveSeconds)
        // libcurl sends a request again, whatever its method, when a reused connection ends without a reply. It cannot
        // know whether the server took the first one, so what must not be sent twice gets a connection of its own. So
        // does what may only go to public addresses: the check is made when a connection is opened.
        let needsOwn = request.atMostOnce || request.mustFinish || request.publicAddressesOnly
        set(CURLOPT_FRESH_CONNECT, needsOwn ? 1 : 0)
        // Nor is it kept: each such exchange would leave one more. A connection is not kept either whose unread input cannot
        // be seen, because a proxy's TLS holds it (``hasUnreadInput``).
        set(CURLOPT_FORBID_REUSE, needsOwn || URL(proxy)?.scheme == "https" ? 1 : 0)

        set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        // Both are always set: nil takes away the default that the system's libcurl has built in.
        for (file, directory) in [
            (CURLOPT_CAINFO, CURLOPT_CAPATH), (CURLOPT_PROXY_CAINFO, CURLOPT_PROXY_CAPATH),
        ] {
            set(file, settings.trust?.file)
            set(directory, settings.trust?.directory)
        }

        set(CURLOPT_PROXY, proxy)
        // What may only go to public addresses goes through the proxy if there is one: exceptions are for what is inside.
        set(CURLOPT_NOPROXY, request.publicAddressesOnly ? "" : settings.proxies.exceptions)
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)

        switch (request.method, request.body) {
        case (.get, nil):
            set(CURLOPT_HTTPGET, 1)
        case (.delete, nil):
            set(CURLOPT_HTTPGET, 1)
            set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
        case (_, let body):
            set(CURLOPT_POST, 1)
            set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
            set(CURLOPT_POSTFIELDS, pointer: body?.unsafeBytes.baseAddress ?? UnsafeRawPointer(reason))
            if dc_curl_set_size(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body?.count ?? 0)) != CURLE_OK {
                refused = CURLOPT_POSTFIELDSIZE_LARGE
            }
        }

        set(CURLOPT_PRIVATE, pointer: me)
        set(CURLOPT_ERRORBUFFER, pointer: UnsafeRawPointer(reason))
        set(CURLOPT_WRITEDATA, pointer: me)
        set(CURLOPT_HEADERDATA, pointer: me)
        set(CURLOPT_OPENSOCKETDATA, pointer: me)
        set(CURLOPT_CLOSESOCKETDATA, pointer: UnsafeRawPointer(Unmanaged.passUnretained(sockets).toOpaque()))
        set(CURLOPT_PREREQDATA, pointer: me)
        if dc_curl_set_write(handle, CURLOPT_WRITEFUNCTION, onBody) != CURLE_OK { refused = CURLOPT_WRITEFUNCTION }
        if dc_curl_set_write(handle, CURLOPT_HEADERFUNCTION, onHeader) != CURLE_OK {
            refused = CURLOPT_HEADERFUNCTION
        }
        if dc_curl_set_open_socket(handle, onOpenSocket) != CURLE_OK { refused = CURLOPT_OPENSOCKETFUNCTION }
        if dc_curl_set_close_socket(handle, onCloseSocket) != CURLE_OK { refused = CURLOPT_CLOSESOCKETFUNCTION }
        if dc_curl_set_before_request(handle, onRequest) != CURLE_OK { refused = CURLOPT_PREREQFUNCTION }

        if let refused {
            throw HTTPFailure(
                .invalid, "\(url.host): libcurl does not take its option \(refused.rawValue)", mayHaveArrived: false)
        }
        return handle
    }

    private var proxy: String { settings.proxies.proxy(for: url) }

    // MARK: - What libcurl calls

    fileprivate func take(body bytes: UnsafeRawBufferPointer) -> Bool {
        isTooLarge = !body.append(bytes)
        return !isTooLarge
    }

    /// One header's line, a status line, or the empty line after them.
    fileprivate func take(header line: UnsafeRawBufferPointer) -> Bool {
        headerBytes += line.count
        isTooLarge = headerBytes > Self.maxHeaderBytes
        if isTooLarge { return false }
        if line.starts(with: "HTTP/".utf8) {
            responseHeaders = [:]  // what came before was provisional (RFC 9110 section 15.2)
            body.clear()
            return true
        }
        // Trailers do not count as headers (RFC 9110 section 6.5.1).
        guard body.count == 0, let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return true }
        let name = ID(asciiLowercased(String(decoding: line[..<colon], as: UTF8.self)))
        let value = line[(colon + 1)...].drop { isSpace($0) }
        let end = value.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? value.startIndex
        responseHeaders[name] = String(decoding: value[..<end], as: UTF8.self)
        return true
    }

    /// - Returns: `CURL_SOCKET_BAD` for an address that is refused, or when no descriptor is left.
    fileprivate func openSocket(_ target: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
        let address = target.pointee
        // With a proxy it is the proxy's address, which the operator chose; what lies behind is for the proxy to refuse.
        if request.publicAddressesOnly, proxy.isEmpty {
            let bytes = AddressPolicy.bytes(
                of: UnsafeRawBufferPointer(start: dc_curl_address(target), count: Int(address.addrlen)),
                family: address.family)
            guard AddressPolicy.isPublic(bytes) else {
                refusedAddress = bytes
                return -1
            }
        }
        return sockets?.open(family: address.family, type: address.socktype, protocol: address.protocol) ?? -1
    }

    /// A connection is there, and the request is about to be sent over it, for the first time or again.
    /// - Returns: false when it must not be sent.
    fileprivate func beginRequest(
        from host: UnsafePointer<CChar>?, _ port: Int32, to peerHost: UnsafePointer<CChar>?, _ peerPort: Int32
    ) -> Bool {
        guard !deadline.hasPassed, let host, let peerHost else { return false }
        socket = sockets?.find(from: String(cString: host), port, to: String(cString: peerHost), peerPort)
        var newConnections = 0
        dc_curl_get_long(handle, CURLINFO_NUM_CONNECTS, &newConnections)
        if newConnections == 0 {
            guard let socket else { return false }
            if hasUnreadInput {
                // What is there answers nothing that was asked. libcurl finds that it cannot send, before it has sent
                // anything, and makes a new connection.
                shutdown(socket, Int32(SHUT_RDWR))
                dc_curl_set_long(handle, CURLOPT_FRESH_CONNECT, 1)
                return true
            }
        }
        if dc_curl_tls_pending(handle) < 0 { dc_curl_set_long(handle, CURLOPT_FORBID_REUSE, 1) }
        hasBegunRequest = true
        return true
    }

    /// Whether something has arrived on its connection that libcurl has not read, the end of the connection included. All
    /// that a TLS handshake brings is read with the first reply.
    private var hasUnreadInput: Bool {
        socket.map(CurlSockets.hasInput) == true || dc_curl_tls_pending(handle) > 0
    }
}

private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A }

private func exchange(_ user: UnsafeMutableRawPointer?) -> CurlExchange? {
    user.map { Unmanaged<CurlExchange>.fromOpaque($0).takeUnretainedValue() }
}

private let onBody: dc_curl_write = { data, size, count, user in
    let bytes = UnsafeRawBufferPointer(start: data, count: size * count)
    return exchange(user)?.take(body: bytes) == true ? bytes.count : bytes.count &+ 1  // any other number is an error
}

private let onHeader: dc_curl_write = { data, size, count, user in
    let bytes = UnsafeRawBufferPointer(start: data, count: size * count)
    return exchange(user)?.take(header: bytes) == true ? bytes.count : bytes.count &+ 1
}

private let onOpenSocket: curl_opensocket_callback = { user, _, address in
    guard let address else { return -1 }
    return exchange(user)?.openSocket(address) ?? -1
}

private let onCloseSocket: curl_closesocket_callback = { user, socket in
    guard let user else { return -1 }
    return Unmanaged<CurlSockets>.fromOpaque(user).takeUnretainedValue().close(socket)
}

private let onRequest: curl_prereq_callback = { user, peerHost, host, peerPort, port in
    exchange(user)?.beginRequest(from: host, port, to: peerHost, peerPort) == true
        ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
}

// MARK: - The result

extension CurlExchange {
    /// What came of it.
    func result(_ code: CURLcode) -> HTTPResult {
        guard code == CURLE_OK else { return .failure(failure(code)) }
        var status = 0
        dc_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        return .success(HTTPResponse(status: status, headers: responseHeaders, body: body.secret))
    }

    var cancelled: HTTPFailure {
        HTTPFailure(.interrupted, "\(url.host): the exchange was cancelled", mayHaveArrived: hasBegunRequest)
    }

    var timeout: HTTPFailure { .timeout(url, mayHaveArrived: hasBegunRequest) }

    private static let tlsFailures = [
        CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR,
        CURLE_SSL_INVALIDCERTSTATUS,
    ].map(\.rawValue)

    private func failure(_ code: CURLcode) -> HTTPFailure {
        // libcurl's own words are told only for what happens before the request is sent: they name hosts, ports and
        // certificates, and cannot hold anything of the request or the response. But they may repeat a proxy's URL, with
        // its password, unless they are about TLS.
        let mayNameProxy = !proxy.isEmpty && !Self.tlsFailures.contains(code.rawValue)
        let said = String(decoding: UnsafeRawBufferPointer(start: reason, count: strlen(reason)), as: UTF8.self)
        let why = said.isEmpty || mayNameProxy ? String(cString: curl_easy_strerror(code)) : said
        func failure(_ kind: HTTPFailure.Kind, _ problem: String) -> HTTPFailure {
            HTTPFailure(kind, "\(url.host): \(problem)", mayHaveArrived: hasBegunRequest)
        }
        if isTooLarge || code == CURLE_FILESIZE_EXCEEDED {
            return failure(.tooLarge, "the response is too large")
        }
        if let refusedAddress, !hasBegunRequest {
            return failure(.blockedAddress, "its address \(AddressPolicy.text(refusedAddress)) is not a public one")
        }
        switch code {
        case CURLE_OPERATION_TIMEDOUT:
            return timeout
        case CURLE_ABORTED_BY_CALLBACK where deadline.hasPassed:
            return timeout
        case CURLE_URL_MALFORMAT, CURLE_SSL_CACERT_BADFILE:
            return failure(.invalid, why)
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
            return failure(.resolve, why)
        case _ where Self.tlsFailures.contains(code.rawValue):
            return failure(.tls, why)
        default:
            return hasBegunRequest
                ? failure(.interrupted, "the connection ended before a whole response was there")
                : failure(.connect, why)
        }
    }
}

extension URL {
    /// One that an exchange may go to.
    /// - Throws: `invalid`.
    init(exchange text: String) throws(HTTPFailure) {
        guard let url = URL(text), ["http", "https"].contains(url.scheme), !url.host.isEmpty, !url.hasUserInfo else {
            throw HTTPFailure(.invalid, "the URL is malformed, or neither http nor https", mayHaveArrived: false)
        }
        self = url
    }
}

extension HTTPFailure {
    static func timeout(_ url: URL, mayHaveArrived: Bool) -> HTTPFailure {
        HTTPFailure(.timeout, "\(url.host) did not answer in time", mayHaveArrived: mayHaveArrived)
    }
}
