import ArgumentParser
import DescopeConn

/// What the program ends with. docs/cli.md lists these; scripts may rely on them.
enum ExitStatus: Int32, CaseIterable, Error {
    case success = 0
    case failure = 1
    case usage = 2
    case configuration = 3
    case denied = 4
    case notFound = 5
    case connectionRequired = 6
    case conflict = 7
    case unavailable = 8
    case providerError = 9
    case unsupported = 10
    case problemFound = 11
    case cannotExecute = 126
    case commandNotFound = 127
    case interrupted = 130

    /// When the program ends with it, for docs/cli.md.
    var about: String {
        switch self {
        case .success: "it is done"
        case .failure: "something else went wrong: a full disk, a broken vault, a bug"
        case .usage: "the arguments, or a file or secret given with them, are wrong"
        case .configuration: "the vault, its key, the project or a connection's settings are missing or wrong"
        case .denied: "the management key is missing or wrong, or a policy does not allow it"
        case .notFound: "there is no such connection, template, key, token or file"
        case .connectionRequired: "the user has to connect first, or again, or with more scopes"
        case .conflict: "it exists already, or was changed by somebody else meanwhile"
        case .unavailable: "a server cannot be reached, is overloaded or too slow; try again later"
        case .providerError: "the OAuth provider refused, or the user did"
        case .unsupported: "the vault, or Descope's cloud, cannot do that"
        case .problemFound: "the check was done, and found a problem (`doctor`, `audit verify`, `backup check`)"
        case .cannotExecute: "the command of `exec` cannot be executed"
        case .commandNotFound: "the command of `exec` does not exist"
        case .interrupted: "Ctrl-C; other signals end it with 128 and the signal's number"
        }
    }

    /// The status for each error code of the library.
    static let ofCode: [ErrorCode: ExitStatus] = [
        .invalidRequest: .usage,
        .invalidConfig: .configuration,
        .unauthorized: .denied,
        .forbidden: .denied,
        .notFound: .notFound,
        .connectionRequired: .connectionRequired,
        .conflict: .conflict,
        .rateLimited: .unavailable,
        .timeout: .unavailable,
        .cancelled: .failure,
        .unavailable: .unavailable,
        .providerError: .providerError,
        .misconfigured: .configuration,
        .unsupported: .unsupported,
        .limit: .usage,
        .internal: .failure,
    ]

    /// The reasons of `not_found` that only a user can do something about.
    static let ofReason: [String: ExitStatus] = [
        "missing": .connectionRequired,
        "scopes": .connectionRequired,
        "reauthorize": .connectionRequired,
    ]

    init(_ error: ConnError) {
        let byReason = error.code == .notFound ? error.reason.flatMap { Self.ofReason[$0] } : nil
        self = byReason ?? Self.ofCode[error.code] ?? .failure
    }
}
