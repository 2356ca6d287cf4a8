internal import Crypto
internal import Runtime

/// What proves that a form is one of these pages', shown to the same user within the last hours: another site can post a
/// form in a user's browser, and cannot read this.
struct FormSeal: Sendable {
    private static let secondsPerPeriod: Int64 = 3600
    private static let periods: Int64 = 3
    private let key: Secret

    /// - Parameter secret: at least as hard to guess as a key.
    init(secret: Secret) {
        key = Crypto.derive(1, "pageform", from: Secret(secret.withBytes { Crypto.sha256($0) }))
    }

    func token(user: ID, action: ID, now: Int64) -> String {
        token(user: user, action: action, period: now / Self.secondsPerPeriod)
    }

    func isGenuine(_ token: String, user: ID, action: ID, now: Int64) -> Bool {
        let period = now / Self.secondsPerPeriod
        let given = Array(token.utf8)
        return (0..<Self.periods).reduce(false) { found, age in
            let expected = Array(self.token(user: user, action: action, period: period - age).utf8)
            return expected.withUnsafeBytes { a in given.withUnsafeBytes { b in constantTimeEqual(a, b) } } || found
        }
    }

    private func token(user: ID, action: ID, period: Int64) -> String {
        // No user's id holds a NUL.
        let text = "\(user.text)\0\(action.text)\0\(period)"
        return Crypto.base64URL(Crypto.keyedHash(Array(text.utf8), key: key, count: 32))
    }
}
