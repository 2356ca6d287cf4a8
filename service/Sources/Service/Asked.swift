import HTTPTypes
import Hummingbird
import NIOCore

/// A request, and where it came from.
struct Asked: Sendable {
    let method: String
    /// Decoded.
    let path: String
    let query: String
    let fields: HTTPFields
    /// The client's IP address.
    let address: String?
    private let requestBody: RequestBody
    private let seconds: Int

    /// Of a path or a query that is longer, the rest is not read.
    private static let maxTarget = 65536

    /// - Parameter seconds: how long the body may take to come in.
    init(_ request: Request, address: String?, seconds: Int) {
        method = request.method.rawValue
        let target = request.head.path ?? "/"
        let end = target.firstIndex(of: "?") ?? target.endIndex
        path = Self.decoded(String(target[..<end].prefix(Self.maxTarget)))
        query = end == target.endIndex ? "" : String(target[target.index(after: end)...].prefix(Self.maxTarget))
        fields = request.headers
        self.address = address
        requestBody = request.body
        self.seconds = seconds
    }

    private static func decoded(_ path: String) -> String {
        String(decoding: PercentEncoding.decode(path.utf8), as: UTF8.self)
    }

    /// - Parameter limit: in bytes.
    /// - Throws: the answer to a body that is too large or too slow.
    func body(_ limit: Int) async throws -> String {
        try await withThrowingTaskGroup(of: String.self) { group in
            group.addTask {
                do {
                    return String(buffer: try await requestBody.collect(upTo: limit))
                } catch is NIOTooManyBytesError {
                    throw Refusal(.error(.contentTooLarge, "E011003", "the request is too large"))
                }
            }
            group.addTask {
                try await Task.sleep(for: .seconds(seconds))
                throw Refusal(.error(.requestTimeout, "E011003", "the request took too long to come in"))
            }
            defer { group.cancelAll() }
            return try await group.next() ?? ""
        }
    }

    /// Whether a form comes from a page of this site, as browsers tell.
    func isSameOrigin(_ url: PublicURL) -> Bool {
        if let site = fields[.fetchSite], site != "same-origin" { return false }
        return fields[.origin] == url.text || fields[.origin] == nil && fields[.fetchSite] == "same-origin"
    }
}

/// An answer that ends a request early.
struct Refusal: Error {
    let response: Response

    init(_ response: Response) { self.response = response }
}
