internal import Connections
internal import HTTP
internal import JSON
internal import Runtime

/// What the pages lead a user through (docs/flows.md): its settings under their wire names, as `flows.create` took them.
struct PageFlow: Record {
    let id: ID
    let json: JSON

    init?(json: JSON) {
        guard let id = json["id"]?.id else { return nil }
        self.id = id
        self.json = json
    }

    /// As it is answered to whoever may write it back.
    func versioned(_ keys: RowKeys) -> JSON {
        let answer = json.shallowCopy()
        answer.set("version", .string(keys.version(of: json)))
        return answer
    }

    var actions: [JSON] { json["actions"]?.elements ?? [] }
}

extension PageFlow {
    private static func kind(of action: JSON) -> AppRecord.Kind {
        action["type"]?.string.flatMap(FlowActionType.init)?.takesKey == true ? .apikey : .oauth
    }

    /// - Throws: `invalid_request` for what the operation's table cannot tell.
    func check() throws(ConnError) {
        guard !actions.isEmpty else { throw .invalid("actions", "must have at least one element") }
        for (index, action) in actions.enumerated() {
            let path = "actions[\(index)]"
            let hasButtons = action["buttons"]?.elements.isEmpty == false
            guard hasButtons != (action["appId"] != nil) else {
                throw .invalid("\(path).appId", "must be there if there are no buttons, and cannot be beside them")
            }
            if Self.kind(of: action) == .apikey, action["scopes"] != nil {
                throw .invalid("\(path).scopes", "are of no use to an API key")
            }
        }
        for (index, url) in (json["redirectUrls"]?.strings ?? []).enumerated() {
            guard URL(url)?.isSafeRedirect == true else {
                throw .invalid("redirectUrls[\(index)]", "is not an absolute URL that a browser may be sent to")
            }
        }
    }

    /// Which connections do not fit, as the answers have it; nil if all do. They may be created after the flow.
    /// - Parameter kinds: of the connections that there are.
    func warnings(_ kinds: [ID: AppRecord.Kind]) -> JSON? {
        var warnings: [JSON] = []
        for (index, action) in actions.enumerated() {
            for (field, app) in Self.apps(of: action) {
                let problem: String
                switch kinds[app] {
                case nil: problem = "there is no connection \(app)"
                case Self.kind(of: action): continue
                case .oauth: problem = "\(app) is no connection of type apikey"
                case .apikey: problem = "\(app) is a connection of type apikey"
                }
                warnings.append(
                    .object(["field": .string("actions[\(index)].\(field)"), "message": .string(problem)]))
            }
        }
        return warnings.isEmpty ? nil : .array(warnings)
    }

    var apps: [ID] { actions.flatMap { Self.apps(of: $0).map(\.app) } }

    private static func apps(of action: JSON) -> [(field: String, app: ID)] {
        let buttons = (action["buttons"]?.elements ?? []).enumerated().compactMap { index, button in
            button["appId"]?.id.map { ("buttons[\(index)].appId", $0) }
        }
        return (action["appId"]?.id.map { [("appId", $0)] } ?? []) + buttons
    }
}
