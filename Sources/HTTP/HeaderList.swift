internal import CCurl
internal import Glibc
internal import Runtime

/// A request's headers as libcurl takes them, wiped when they go. libcurl keeps the pointer for the whole exchange.
final class HeaderList {
    private(set) var first: UnsafeMutablePointer<curl_slist>?

    deinit {
        var next = first
        while let entry = next?.pointee {
            explicit_bzero(entry.data, strlen(entry.data))
            next = entry.next
        }
        curl_slist_free_all(first)
    }

    /// - Throws: `invalid` for a name that is no token, or a value with a control character: it could end the header and
    ///   begin another (RFC 9110 sections 5.1 and 5.5).
    init(_ request: HTTPRequest) throws(HTTPFailure) {
        guard CurlLibrary.isReady else {
            throw HTTPFailure(.invalid, "libcurl does not start", mayHaveArrived: false)
        }
        for header in request.headers {
            guard !header.name.isEmpty, header.name.utf8.allSatisfy(Self.isTokenByte) else {
                throw HTTPFailure(.invalid, "a header's name is malformed", mayHaveArrived: false)
            }
            let isClean = header.value.withBytes { $0.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 } }
            guard isClean else {
                throw HTTPFailure(
                    .invalid, "the header \(header.name) holds a control character", mayHaveArrived: false)
            }
            // "name;" is how libcurl takes a header with an empty value
            try append(header.name + (header.value.count == 0 ? ";" : ": "), header.value)
        }
        // "name:" is how libcurl leaves out a header that it would add
        try append("Expect:")
        // Without it, a server may answer in any coding (RFC 9110 section 12.5.3).
        try append("Accept-Encoding: identity")
        if !request.headers.contains(where: { asciiLowercased($0.name) == "content-type" }) {
            try append("Content-Type:")
        }
    }

    private func append(_ name: String, _ value: Secret? = nil) throws(HTTPFailure) {
        let line = Secret(count: name.utf8.count + (value?.count ?? 0) + 1) { line in
            line.copyBytes(from: name.utf8)
            let rest = UnsafeMutableRawBufferPointer(rebasing: line[name.utf8.count...])
            value?.withBytes { rest.copyMemory(from: $0) }
            rest[rest.count - 1] = 0
        }
        let longer = line.withBytes { line in
            curl_slist_append(first, line.baseAddress?.assumingMemoryBound(to: CChar.self))
        }
        guard let longer else { throw HTTPFailure(.invalid, "out of memory", mayHaveArrived: false) }
        first = longer
    }

    /// RFC 9110 section 5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default:
            "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
