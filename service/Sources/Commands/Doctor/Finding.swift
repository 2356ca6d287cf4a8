/// What a check of `doctor` found.
struct Finding: Encodable, Equatable {
    enum Level: String, Encodable {
        case ok, warning, problem

        var style: Style {
            switch self {
            case .ok: .green
            case .warning: .yellow
            case .problem: .red
            }
        }
    }

    var level: Level
    /// What was looked at.
    var check: String
    var message: String
    /// How to go on.
    var hint: String?

    static func ok(_ check: String, _ message: String) -> Finding {
        Finding(level: .ok, check: check, message: message)
    }

    static func warning(_ check: String, _ message: String, hint: String? = nil) -> Finding {
        Finding(level: .warning, check: check, message: message, hint: hint)
    }

    static func problem(_ check: String, _ message: String, hint: String? = nil) -> Finding {
        Finding(level: .problem, check: check, message: message, hint: hint)
    }

    static func problem(_ check: String, _ failure: Failure) -> Finding {
        problem(check, failure.message, hint: failure.hint)
    }
}
