internal import Connections
internal import JSON
internal import Runtime

/// A flow, as the pages lead a user through it.
struct ShownFlow: Sendable {
    let id: ID
    let name: String?
    let instructions: String?
    let actions: [Action]
    let redirectURLs: [String]
    /// Whether its URL may ask for another connection, and for other scopes.
    let isFixed: Bool

    struct Action: Sendable {
        let takesKey: Bool
        let isOfTenant: Bool
        let appID: ID?
        let buttons: [Button]
        /// In place of the connection's.
        let scopes: [String]?
        let title: String?
        let instructions: String?
        let isOptional: Bool
    }

    struct Button: Sendable {
        let appID: ID
        let text: String?
        let style: Page.Link.Style
        let logo: String?
    }

    /// - Parameter json: a `Flow`.
    init?(_ json: JSON) {
        guard let id = json["id"]?.id, let actions = json["actions"]?.elements else { return nil }
        self.id = id
        name = json["name"]?.string
        instructions = json["instructions"]?.string
        self.actions = actions.map(Action.init)
        redirectURLs = json["redirectUrls"]?.strings ?? []
        isFixed = json["fixed"]?.boolean ?? false
    }

    /// The action whose connection and scopes a link may replace: the first that is for connections of that type.
    func index(ofActionTakingKey takesKey: Bool) -> Int? { actions.firstIndex { $0.takesKey == takesKey } }
}

extension ShownFlow.Action {
    fileprivate init(_ json: JSON) {
        let type = json["type"]?.string.flatMap(FlowActionType.init)
        takesKey = type?.takesKey ?? false
        isOfTenant = type?.isOfTenant ?? false
        appID = json["appId"]?.id
        buttons = (json["buttons"]?.elements ?? []).compactMap(ShownFlow.Button.init)
        scopes = json["scopes"]?.strings.flatMap { $0.isEmpty ? nil : $0 }
        title = json["title"]?.string
        instructions = json["instructions"]?.string
        isOptional = json["optional"]?.boolean ?? false
    }
}

extension ShownFlow.Button {
    private static let styles: [ID: Page.Link.Style] = ["filled": .main, "outline": .outline, "link": .plain]

    fileprivate init?(_ json: JSON) {
        guard let appID = json["appId"]?.id else { return nil }
        self.appID = appID
        text = json["text"]?.string
        style = json["style"]?.id.flatMap { Self.styles[$0] } ?? .outline
        logo = json["logo"]?.string.flatMap { ShownApp.isImage($0) ? $0 : nil }
    }
}
