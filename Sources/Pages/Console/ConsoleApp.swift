internal import Connections
internal import Crypto
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

    /// Tells its settings from any others.
    var version: String {
        json["version"]?.string
            ?? json.secret(isSorted: true).withBytes { bytes in Crypto.base64URL(Crypto.sha256(bytes)) }
    }

    /// The request to `apps.update` that changes nothing. What is not set is absent from it, also where the cloud says "".
    func unchanged(_ backend: BackendKind) -> JSON {
        let known = (Operation.byName["apps.update"]?.fields ?? []).filter { $0.backends.contains(backend) }
            .map { ID($0.name) }
        let fields = JSON.object()
        for (name, value) in json.members where known.contains(ID(name)) {
            let isUnset = value.kind == .null || value.kind == .string && value.string?.isEmpty != false
            if !isUnset { fields.set(name, value) }
        }
        return fields
    }
}

extension PagesBackend {
    func consoleApp(_ id: String, _ visit: Visit) throws(ConnError) -> Step<ConsoleApp> {
        try app(id, as: { $0["app"].flatMap(ConsoleApp.init) }, visit)
    }
}
