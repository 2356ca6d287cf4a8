import DescopeConn

/// Why a command ends without having done what it was asked: one sentence, and how to go on.
struct Failure: Error {
    var status: ExitStatus
    /// For people, without a full stop. Never holds a secret.
    var message: String
    var hint: String?

    init(_ status: ExitStatus, _ message: String, hint: String? = nil) {
        self.status = status
        self.message = message
        self.hint = hint
    }

    /// What the library says, with what to do about it here.
    init(_ error: ConnError, hint: String? = nil) {
        self.init(ExitStatus(error), Self.message(error), hint: hint ?? Hint.of(error))
    }

    private static func message(_ error: ConnError) -> String {
        guard let told = error.errorDescription ?? error.errorCode, !error.message.contains(told) else {
            return error.message
        }
        return "\(error.message): \(told)"
    }
}

/// How to go on after an error, where the library's own words do not say it in terms of this program.
enum Hint {
    static func of(_ error: ConnError) -> String? {
        if let reason = error.reason, let hint = reasons[reason] { return hint }
        let field = error.field.map { String($0.prefix { $0 != "." }) }
        if error.code == .invalidConfig, let field, let hint = fields[field] { return hint }
        if error.code == .misconfigured, let field, let hint = settings[field] { return hint }
        if let milliseconds = error.retryAfterMs {
            return "Try again in \(Text.count((milliseconds + 999) / 1000, "second"))."
        }
        return codes[error.code]
    }

    private static let reasons = [
        "app": "descope-conn connections list shows which connections there are.",
        "missing": "Connect first: descope-conn connect APP, or descope-conn store-api-key APP for an API key.",
        "scopes": "Connect again with these scopes: descope-conn connect APP --scope SCOPE.",
        "reauthorize": "Connect again: descope-conn connect APP.",
    ]

    private static let fields = [
        "path": "Name another vault with --vault, or make one with descope-conn init.",
        "key": "Name the vault's key with --key-file, or put it into DESCOPE_CONN_VAULT_KEY.",
        "projectId": "Name the project with --project, or in DESCOPE_PROJECT_ID.",
        "managementKey": "Name a file with --management-key-file, or put the key into DESCOPE_MANAGEMENT_KEY.",
    ]

    private static let settings = [
        "defaultScopes": "Name the scopes with --scope.",
        "redirectUrl": "Name the port of the redirect URI with --port.",
    ]

    private static let codes: [ErrorCode: String] = [
        .unauthorized: "Check the management key: --management-key-file, or DESCOPE_MANAGEMENT_KEY.",
        .unavailable: "Try again later; descope-conn doctor says what can be reached.",
    ]
}
