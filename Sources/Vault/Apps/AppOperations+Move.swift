internal import Connections
internal import Crypto
internal import JSON
internal import Runtime
internal import Store

// A connection that goes on at another authorization server. It becomes another incarnation there: what was granted before
// is not shown to the new server, and is revoked at the old one, whose settings are kept for that.

extension AppRecord {
    /// What is kept of a connection that has gone on elsewhere.
    /// - Parameter now: seconds since 1970.
    fileprivate func left(at now: Int64) -> AppRecord {
        forRevoking.changed { settings in
            let incarnation = settings[Self.incarnationName] ?? .string(Crypto.hex(Crypto.random(8)))
            settings.set(Self.incarnationName, incarnation)
            if settings[Self.firstIncarnationName] == nil { settings.set(Self.firstIncarnationName, incarnation) }
            settings.set(Self.movedAtName, .integer(now))
        }
    }
}

extension AppOperations {
    /// Has a connection go on at another authorization server, if its new settings are of one. Whoever comes back to one
    /// where it was before finds its grants again.
    /// - Parameters:
    ///   - new: its new settings.
    ///   - namesSecret: whether they name the client secret; the one that it had is for the server before alone.
    func move(
        _ old: AppRecord, to new: AppRecord, namesSecret: Bool, _ change: inout Change
    ) throws(ConnError) -> AppRecord {
        let (from, to) = (try old.server(config), try new.server(config))
        guard !to.isSame(as: from) else { return new }
        var back: Row<AppRecord>?
        for row in try change.reader.all(rows.keys.earlier(of: old.id), as: AppRecord.self).whole where back == nil {
            if to.isSame(as: try row.value.server(config)) { back = row }
        }
        // Nothing was sent anywhere yet.
        if from.isNowhere, back == nil { return new }
        let before = old.left(at: clock.seconds)
        if let incarnation = before.incarnation {
            change.put(before, at: rows.keys.earlier(old.id, incarnation), expecting: .any)
        }
        if let back { change.remove(back.key, expecting: .version(back.version)) }
        // What waits for its user was begun at the server before, also where it comes back to an earlier one.
        return new.inNewEpoch().changed { settings in
            let incarnation = back?.value.incarnation ?? ID(Crypto.hex(Crypto.random(8)))
            settings.set(AppRecord.incarnationName, .string(incarnation))
            if let first = before.firstIncarnation { settings.set(AppRecord.firstIncarnationName, .string(first)) }
            guard !namesSecret else { return }
            settings.remove("clientSecret")
            if let secret = back?.value.settings["clientSecret"] { settings.set("clientSecret", secret) }
        }
    }
}
