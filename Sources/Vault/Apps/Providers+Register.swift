internal import Connections
internal import HTTP
internal import OAuth
internal import Runtime
internal import Store

extension Providers {
    /// What a client of a provider is needed for.
    enum ClientUse: Sendable {
        /// New grants, by these redirect URIs. Providers compare them as they are (RFC 9700 section 2.1): for others, and
        /// where the client's secret has expired, another client is registered.
        case connecting([String])
        /// A grant of this client; nil: it is not known whose it is, and the latest has to do.
        case grant(of: ID?)
    }

    /// How often it is written down that a client is used to ask for new grants. Seconds.
    private static let clientUseGrain: Int64 = 3600
    /// So long after that a grant may come yet: a connect URL or a device waits for a day at most, and a grant for its code
    /// some minutes. Seconds.
    private static let clientUseLifetime: Int64 = 2 * 86_400

    /// The provider with a client that it made for this connection.
    func registered(
        _ provider: Provider, for app: AppRecord, _ use: ClientUse
    ) throws(ConnError) -> Step<Provider> {
        guard app.registers else { return .done(provider) }
        let issuer = provider.issuer ?? provider.tokenURL.flatMap(URL.init)?.origin ?? app.id.text
        return rows.read { [self] (reader) throws(ConnError) in
            switch use {
            case .grant(let id):
                guard let client = try reader.client(id, of: app, at: issuer), client.isAlive(now: clock.seconds) else {
                    throw ConnError(
                        .misconfigured, "\(app.id) has no client of this grant at \(issuer) any longer: connect again")
                }
                return .done(client.client(of: provider))
            case .connecting(let redirectURIs):
                if let row = try reader.client(for: redirectURIs, of: app), row.value.isAlive(now: clock.seconds) {
                    return try inUse(row, redirectURIs, provider, for: app)
                }
                let earlier = try reader.earlierClient(nil, of: app, at: issuer)
                if let earlier, earlier.isAlive(now: clock.seconds),
                    Scopes.missing(redirectURIs, from: earlier.redirectURIs).isEmpty
                {
                    return .done(earlier.client(of: provider))
                }
                return try register(redirectURIs, provider, for: app)
            }
        }
    }

    /// Writes down that a client is used, every now and then.
    private func inUse(
        _ row: Row<RegisteredClient>, _ redirectURIs: [String], _ provider: Provider, for app: AppRecord
    ) throws(ConnError) -> Step<Provider> {
        let provider = row.value.client(of: provider)
        guard clock.seconds - row.value.usedAt >= Self.clientUseGrain else { return .done(provider) }
        var used = row.value
        used.usedAt = clock.seconds
        return try rows.commit([rows.seal(used, at: row.key, expecting: .version(row.version))]).result {
            [self] (result) throws(ConnError) in
            if case .failure(let error) = result {
                guard error.code == .conflict else { throw error }
                return try registered(provider, for: app, .connecting(redirectURIs))  // it may be gone
            }
            return .done(provider)
        }
    }

    private func register(
        _ redirectURIs: [String], _ provider: Provider, for app: AppRecord
    ) throws(ConnError) -> Step<Provider> {
        try OAuth.register(
            name: app.name, redirectURIs: redirectURIs, scopes: app.defaultScopes, provider: provider, clock: clock
        ).then { [self] (registration) throws(ConnError) in
            let made = RegisteredClient(registration, redirectURIs: redirectURIs, usedAt: clock.seconds)
            return try keep(made, of: app).result { [self] (result) throws(ConnError) in
                .settled { [self] () throws(ConnError) in
                    let kept = try result.get()
                    let provider = kept.client.client(of: provider)
                    guard kept.isSweepDue else { return .done(provider) }
                    return try sweepClients(of: app).result { (result) throws(ConnError) in
                        if case .failure(let error) = result {
                            Log.write(.warning, "clients of \(app.id) that nobody needs stay: \(error.message)")
                        }
                        return .done(provider)
                    }
                }
            }
        }
    }

    /// Keeps a client that was made. If somebody else was faster, everybody uses that one.
    private func keep(
        _ made: RegisteredClient, of app: AppRecord
    ) throws(ConnError) -> Step<(client: RegisteredClient, isSweepDue: Bool)> {
        rows.change { [self] (change) throws(ConnError) in
            try change.stand(app)
            let keys = rows.keys
            let choiceKey = keys.clientChoice(for: made.redirectURIs, of: app.id, app.incarnation)
            let latestKey = keys.clientChoice(for: [], of: app.id, app.incarnation)
            let choice = try change.reader.stored(choiceKey)
            let chosen: Row<ClientChoice>? = try change.reader.readable(choice)
            if let chosen, let client = try change.reader.client(chosen.value.clientID, of: app),
                client.isAlive(now: clock.seconds)
            {
                change.writes = []
                return (client, false)
            }
            let latest = try change.reader.stored(latestKey)
            var next = try change.reader.readable(latest, as: ClientChoice.self)?.value ?? ClientChoice(made.id)
            next.clientID = made.id
            next.count += 1
            change.put(made, at: keys.client(made.id, of: app), expecting: .any)
            change.put(next, at: latestKey, expecting: latest.expectation)
            if choiceKey != latestKey {
                change.put(ClientChoice(made.id), at: choiceKey, expecting: choice.expectation)
            }
            return (made, next.count >= next.sweepAt)
        }
    }

    // MARK: - Those that nobody needs

    /// Forgets the clients that no token names, and by which no grant can come any more. This goes through all of the
    /// connection's tokens, so that it is done when there are twice as many clients as were needed the last time.
    private func sweepClients(of app: AppRecord) throws(ConnError) -> Step<Void> {
        try rows.pages(rows.keys.tokens(at: app.id), into: Set<ID>()) { (named, page, reader) throws(ConnError) in
            let locations = page.compactMap { TokenLocation(appKey: $0.key) }
            var named = named
            for found in try reader.read(locations.map { .get($0.key) }) {
                guard let stored = found.first else { continue }
                let row: Row<TokenRecord>? = try reader.readable(stored)
                if let id = row?.value.clientID { named.insert(id) }
            }
            return .done(named)
        }.then { [self] (named) throws(ConnError) in
            rows.pages(rows.keys.clients(of: app.id), into: Int64(0)) {
                [self] (kept, page, reader) throws(ConnError) in
                try dropUnused(page, of: app, named, reader).then { (dropped) throws(ConnError) in
                    .done(kept + Int64(page.count) - dropped)
                }
            }
        }.then { [self] (kept) throws(ConnError) in
            rows.change { (change) throws(ConnError) in
                let key = change.keys.clientChoice(for: [], of: app.id, app.incarnation)
                guard let latest: Row<ClientChoice> = try change.reader.readable(at: key) else { return }
                var next = latest.value
                next.count = kept
                next.sweepAt = max(ClientChoice.spare, 2 * kept)
                change.put(next, at: key, expecting: .version(latest.version))
            }
        }
    }

    /// - Returns: how many went. One that is used just then stays, and with it its page.
    private func dropUnused(
        _ page: [StoredRow], of app: AppRecord, _ named: Set<ID>, _ reader: RowReader
    ) throws(ConnError) -> Step<Int64> {
        let latest: Row<ClientChoice>? = try reader.readable(
            at: rows.keys.clientChoice(for: [], of: app.id, app.incarnation))
        var writes: [StoreWrite] = []
        var dropped: Int64 = 0
        for stored in page {
            guard let row: Row<RegisteredClient> = try reader.readable(stored) else { continue }
            let client = row.value
            guard !named.contains(client.id), client.id != latest?.value.clientID,
                clock.seconds - client.usedAt > Self.clientUseLifetime
            else { continue }
            dropped += 1
            writes.append(.remove(row.key, expecting: .version(row.version)))
            let choiceKey = rows.keys.clientChoice(for: client.redirectURIs, of: app.id, app.incarnation)
            if let choice: Row<ClientChoice> = try reader.readable(at: choiceKey), choice.value.clientID == client.id {
                writes.append(.remove(choiceKey, expecting: .version(choice.version)))
            }
        }
        return try rows.commit(writes).result { [dropped] (result) throws(ConnError) in
            if case .failure(let error) = result {
                guard error.code == .conflict else { throw error }
                return .done(0)
            }
            return .done(dropped)
        }
    }
}

extension RowReader {
    /// The client that asks for new grants by these redirect URIs; by none: the latest.
    fileprivate func client(
        for redirectURIs: [String], of app: AppRecord
    ) throws(ConnError) -> Row<RegisteredClient>? {
        let key = keys.clientChoice(for: redirectURIs, of: app.id, app.incarnation)
        guard let choice: Row<ClientChoice> = try readable(at: key) else { return nil }
        return try readable(at: keys.client(choice.value.clientID, of: app))
    }

    /// A client of a connection.
    /// - Parameters:
    ///   - id: nil is the latest.
    ///   - issuer: of the provider that it must be of; nil where that is not known.
    func client(
        _ id: ID?, of app: AppRecord, at issuer: String? = nil
    ) throws(ConnError) -> RegisteredClient? {
        let row: Row<RegisteredClient>?
        if let id { row = try readable(at: keys.client(id, of: app)) } else { row = try client(for: [], of: app) }
        if let row { return row.value }
        return try earlierClient(id, of: app, at: issuer)
    }

    /// One that an earlier version kept.
    func earlierClient(
        _ id: ID?, of app: AppRecord, at issuer: String?
    ) throws(ConnError) -> RegisteredClient? {
        guard app.has(nil) else { return nil }
        let key = issuer.map { keys.registration(of: app.id, at: $0) } ?? keys.registrations(of: app.id)
        let found: OpenedRows<RegistrationRecord> = try all(key)
        return found.whole.lazy.compactMap { $0.value.client(id) }.first
    }
}

extension StoredRow? {
    /// What a write over it expects.
    fileprivate var expectation: StoreWrite.Expectation { map { .version($0.version) } ?? .absent }
}
