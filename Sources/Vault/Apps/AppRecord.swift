internal import Connections
internal import Crypto
internal import JSON
internal import Runtime

/// A connection: its settings under their wire names, as `apps.create` took them.
struct AppRecord: Record {
    enum Kind: String {
        case oauth, apikey
    }

    let id: ID
    let kind: Kind
    let settings: JSON

    /// - Parameter settings: fits the operation's table; `id` and `appType` are there.
    init?(json settings: JSON) {
        guard let id = settings["id"]?.id, let kind = settings["appType"]?.string.flatMap(Kind.init) else {
            return nil
        }
        self.id = id
        self.kind = kind
        self.settings = settings
    }

    var json: JSON { settings }

    /// Marked for deletion: nobody finds it any more, and its tokens are on their way out.
    var isBeingDeleted: Bool { settings["isBeingDeleted"]?.boolean ?? false }

    /// Whether its tokens are revoked at the provider on their way out.
    var revokes: Bool { settings["revokes"]?.boolean ?? true }

    /// This connection marked for deletion.
    func beingDeleted(revoking: Bool) -> AppRecord {
        changed { settings in
            settings.set("isBeingDeleted", .boolean(true))
            settings.set("revokes", .boolean(revoking))
        }
    }

    /// What of it revokes a token.
    var forRevoking: AppRecord {
        changed { settings in
            let unneeded = ["name", "description", "logo", "isBeingDeleted", "revokes", Self.epochName]
            for name in unneeded { settings.remove(name) }
        }
    }

    static let incarnationName = "incarnation"
    static let firstIncarnationName = "firstIncarnation"
    static let movedAtName = "movedAt"
    private static let epochName = "epoch"

    /// Settings that are the vault's own, and in no answer.
    static let hiddenNames = [incarnationName, firstIncarnationName, movedAtName, epochName]

    /// Tells this connection from earlier and later ones of its id, and from itself at another authorization server. Nil for
    /// one that was made before there were any.
    var incarnation: ID? { settings[Self.incarnationName]?.id }

    func isSame(as other: AppRecord) -> Bool { id == other.id && incarnation == other.incarnation }

    /// Whose the rows are that were kept before they said so.
    var firstIncarnation: ID? { settings[Self.firstIncarnationName]?.id ?? incarnation }

    /// Whether what was kept at this incarnation is this one's: nothing else is sent to its endpoints.
    /// - Parameter incarnation: nil in rows that were kept before they said so.
    func has(_ incarnation: ID?) -> Bool { (incarnation ?? firstIncarnation) == self.incarnation }

    /// When it went on at another authorization server. Seconds since 1970; nil while it stands.
    var movedAt: Int64? { settings[Self.movedAtName]?.integer }

    /// What waits for its user becomes a grant in the epoch alone that it was made in: a new one begins with each
    /// connection, whenever it moves to another authorization server, and whenever all of its tokens are deleted.
    var epoch: ID? { settings[Self.epochName]?.id ?? incarnation }

    func inNewEpoch() -> AppRecord { changed { $0.set(Self.epochName, .string(Crypto.hex(Crypto.random(8)))) } }

    /// For `apps.update`: another one whenever a setting has changed, and in each connection of this id.
    func version(_ keys: RowKeys) -> String {
        let told = settings.shallowCopy()
        for name in [Self.firstIncarnationName, Self.movedAtName, Self.epochName] { told.remove(name) }
        return keys.version(of: told)
    }

    var clientID: ID? { settings["clientId"]?.id }

    /// In place of one that is damaged, to delete it.
    init(unknown id: ID) {
        self.init(
            id: id, kind: .apikey, settings: .object(["id": .string(id), "appType": .string(Kind.apikey.rawValue)]))
    }

    private init(id: ID, kind: Kind, settings: JSON) {
        self.id = id
        self.kind = kind
        self.settings = settings
    }

    func changed(_ change: (JSON) -> Void) -> AppRecord {
        let settings = self.settings.shallowCopy()
        change(settings)
        return AppRecord(id: id, kind: kind, settings: settings)
    }

    /// New settings in place of all but the id, the kind, the template, and, unless they name them, the template's hosts
    /// and the client secret. "" names none.
    func updated(with new: JSON) throws(ConnError) -> AppRecord {
        let settings = new.shallowCopy()
        if let kind = new["appType"]?.id, kind != ID(self.kind.rawValue) {
            throw .invalid("appType", "cannot be changed")
        }
        settings.set("appType", .string(kind.rawValue))
        if let template = new["templateId"]?.id, template != templateID {
            throw .invalid("templateId", "cannot be changed")
        }
        for name in ["clientSecret", "templateId", "hosts"] + Self.hiddenNames where new[name] == nil {
            if let kept = self.settings[name] { settings.set(name, kept) }
        }
        guard let record = AppRecord(json: settings) else { throw .invalid("id", "is missing") }
        return try record.withoutTemplateValues(after: self)
    }

    var defaultScopes: [String] { settings["defaultScopes"]?.strings ?? [] }
    var defaultRedirectURL: String? { settings["defaultRedirectUrl"]?.string }

    /// The provider template that it is made from.
    var templateID: ID? { settings["templateId"]?.id }

    /// What the operator gave for the template's hosts.
    var hosts: [ID: String] { settings["hosts"]?.texts ?? [:] }

    /// Whether the client is registered at the provider as it is needed (RFC 7591).
    var registers: Bool { settings["useDcr"]?.boolean ?? false }

    /// For people.
    var name: String { settings["name"]?.string ?? id.text }
}
