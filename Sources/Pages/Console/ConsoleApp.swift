internal import Connections
internal import JSON
internal import Runtime

/// A connection as administrators see it: with all of its settings, and without its secret, which nobody gets.
struct ConsoleApp: Sendable {
    let shown: ShownApp
    /// An `App`.
    let json: JSON

    init?(_ json: JSON) {
        guard let shown = ShownApp(json) else { return nil }
        self.shown = shown
        self.json = json
    }

    /// A fetch deletes its tokens.
    var isFetchedOnce: Bool { json["deleteAfterFirstFetch"]?.boolean ?? false }
}

extension PagesBackend {
    func consoleApp(_ id: String, _ visit: Visit) throws(ConnError) -> Step<ConsoleApp> {
        try app(id, as: { ConsoleApp($0) }, visit)
    }
}
