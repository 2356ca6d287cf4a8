internal import Connections
internal import JSON

/// What people and models read.
enum Words {
    /// The argument by which a call brings the code that the user's browser shows, where no form can ask for it.
    static let codeArgument = "confirmation_code"

    /// Of the member of a result's `_meta` that has the same as data: Adaptive Connect's fields.
    static let metaKey = "descope-conn/connection"

    static func needs(_ call: MCPCall, _ missing: [Missing]) -> String {
        "\(call.shownName) needs your access to \(names(missing.map(\.awaited)))"
    }

    static func typeCode(_ awaited: Awaited) -> String {
        "Type the code that your browser shows when you have given access to \(awaited.appID)"
    }

    static func typeAnotherCode(_ awaited: Awaited) -> String {
        "That is not the code that your browser shows for \(awaited.appID). Type it as it stands there"
    }

    static func noCodeYet(_ awaited: Awaited) -> String {
        "Give access to \(awaited.appID) in your browser first. Then type the code that it shows"
    }

    static func declined(_ call: MCPCall, _ awaited: [Awaited]) -> String {
        "\(call.shownName) was not run: the user did not grant access to \(names(awaited))"
    }

    /// For a model to pass on. The URLs stand first, each on a line of its own with nothing around it, so that whoever
    /// copies or links lines gets them whole.
    static func instructions(_ call: MCPCall, _ missing: [Missing]) -> String {
        var sentences = [
            "\(call.shownName) was not run: it needs the user's access to \(names(missing.map(\.awaited))), which only the "
                + "user can give, in a browser.",
            missing.count == 1
                ? "Show the user the link above exactly as it is written, on a line of its own: do not shorten it, encode "
                    + "it, hide it behind other text, or open it yourself."
                : "Show the user the links above exactly as they are written, each on a line of its own: do not shorten "
                    + "them, encode them, hide them behind other text, or open them yourself.",
        ]
        if missing.contains(where: \.awaited.needsCode) {
            sentences.append(
                "At the end the browser shows the user a code. Ask the user for it, and call \(call.shownName) again with the "
                    + "same arguments and the code in the argument \(codeArgument).")
        } else {
            sentences.append(
                "When the user says that access is given, call \(call.shownName) again with the same arguments.")
        }
        return missing.map(\.url).joined(separator: "\n") + "\n\n" + sentences.joined(separator: " ")
    }

    /// The fields of Descope's Adaptive Connect. When several connections are missing, these are the first one's, and
    /// `connections` has all of them.
    static func structured(_ call: MCPCall, _ missing: [Missing]) -> JSON {
        .object([
            "error": .string(ErrorCode.connectionRequired.rawValue),
            "requiresConnection": .boolean(true),
            "connectionUrl": missing.first.map { .string($0.url) },
            "message": .string(needs(call, missing)),
            "appId": missing.first.map { .string($0.awaited.appID) },
            "connections": missing.count == 1
                ? nil
                : .array(
                    missing.map {
                        .object(["appId": .string($0.awaited.appID), "connectionUrl": .string($0.url)])
                    }),
        ])
    }

    static func structuredRefusal(_ awaited: [Awaited], _ action: String) -> JSON {
        .object([
            "error": .string("connection_declined"),
            "action": .string(action),
            "appId": awaited.first.map { .string($0.appID) },
        ])
    }

    private static func names(_ awaited: [Awaited]) -> String { awaited.map(\.appID).joined(separator: ", ") }
}
