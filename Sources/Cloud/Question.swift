internal import Connections
internal import Crypto
internal import JSON
internal import Runtime

/// What a fetch asks for, and who asks. Whoever asks the same is answered the same.
///
/// It is a hash, so that a cache holds no credential. Two are the same when their connection, subject, account, scopes and
/// access token are, byte by byte; only the order of scopes does not count (RFC 6749 section 3.3). A fetch by the
/// management key is another one than any by an access token.
struct Question: Hashable, Sendable {
    let appID: ID
    private let hash: [UInt8]

    /// - Parameter key: of the cache, so that nobody can choose what collides.
    /// - Returns: nil for a fetch that wants more than a token that was there before.
    init?(_ request: Request, key: Secret) {
        guard request.look == nil, let appID = request.id("appId"), Self.isPlain(request) else { return nil }
        self.appID = appID
        var parts = Self.names.map { request[$0] }
        if let scopes = request["scopes"]?.elements, !scopes.isEmpty {
            var wanted: [ID: JSON] = [:]
            for scope in scopes { wanted[scope.id ?? ""] = scope }
            parts += wanted.sorted { $0.key < $1.key }.map(\.value)
        }
        hash = Self.text(parts).withBytes { Crypto.keyedHash($0, key: key, count: 32) }
    }

    /// The fields that count, but for the scopes.
    private static let names = ["appId", "userId", "tenantId", "externalIdentifier", "accessToken"]

    /// A forced refresh is asked for because the token that is there will not do; and a refresh token is kept nowhere.
    private static func isPlain(_ request: Request) -> Bool {
        guard let options = request["options"] else { return true }
        return ["forceRefresh", "withRefreshToken"].allSatisfy { options[$0]?.boolean != true }
    }

    /// Strings one after the other, each behind its length, so that no two lists of them are the same text. Absent is
    /// another one than any string.
    private static func text(_ strings: [JSON?]) -> Secret {
        let counts = strings.map { string in string?.withStringBytes(\.count) }
        return Secret(count: counts.reduce(0) { $0 + 8 + ($1 ?? 0) }) { text in
            var end = 0
            for (string, count) in zip(strings, counts) {
                text.storeBytes(of: UInt64(count.map { $0 + 1 } ?? 0), toByteOffset: end, as: UInt64.self)
                end += 8
                _ = string?.withStringBytes { bytes in
                    UnsafeMutableRawBufferPointer(rebasing: text[end...]).copyMemory(from: bytes)
                    end += bytes.count
                }
            }
        }
    }

    static func == (a: Question, b: Question) -> Bool { a.hash == b.hash }

    func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}
