internal import Connections
internal import Crypto
internal import JSON
internal import Runtime

/// A connection as administrators see it: with all of its settings, and without its secret, which nobody gets.
struct ConsoleApp: Sendable {
    let shown: ShownApp
    /// An `App`.
    let json: JSON
    /// What `apps.update` compares; nil where the backend knows no versions.
    let ownVersion: String?

    /// - Parameter answer: has an `App` and, in the vault, its version.
    init?(in answer: JSON) {
        guard let app = answer["app"] else { return nil }
        self.init(app, version: answer["version"]?.string)
    }

    /// - Parameter json: an `App`.
    init?(_ json: JSON, version: String? = nil) {
        guard let shown = ShownApp(json) else { return nil }
        self.shown = shown
        self.json = json
        ownVersion = version
    }

    /// A fetch deletes its tokens.
    var isFetchedOnce: Bool { json["deleteAfterFirstFetch"]?.boolean ?? false }

    /// Tells its settings from any others.
    var version: String {
        ownVersion ?? json.secret(isSorted: true).withBytes { bytes in Crypto.base64URL(Crypto.sha256(bytes)) }
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
        if let ownVersion { fields.set("version", .string(ownVersion)) }
        return fields
    }
}

extension PagesBackend {
    func consoleApp(_ id: String, _ visit: Visit) throws(ConnError) -> Step<ConsoleApp> {
        try app(id, as: { ConsoleApp(in: $0) }, visit)
    }
}
