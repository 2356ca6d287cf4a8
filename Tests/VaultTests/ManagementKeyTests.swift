import Connections
import JSON
import Runtime
import Store
import TestSupport
import Testing

@testable import Vault

@Suite struct ManagementKeyTests {
    private let world: World

    init() throws { world = try World(store: WatchedStore(), config: ["audit": "all"]) }

    private func create(_ more: JSON = [:]) throws -> (id: String, key: String) {
        let made = try world.call("management_keys.create", (["name": "backend"] as JSON).with(more))
        return (made["id"]?.string ?? "", made["key"]?.string ?? "")
    }

    private func accepts(_ key: String, _ more: JSON = [:], in world: World? = nil) -> Bool {
        let request: JSON = ["key": .string(key)]
        guard let error = (world ?? self.world).error("management_keys.verify", request.with(more)) else { return true }
        #expect(error.code == .unauthorized && error.message == "the management key is not accepted")
        return false
    }

    private var row: StoredRow? {
        get throws { try world.store.scan(prefix: RowKeys.managementKeys, after: nil, limit: 10).first }
    }

    // MARK: - From its creation to its end

    @Test func aKeyIsAcceptedUntilItIsDeleted() throws {
        let (id, key) = try create()
        #expect(try world.call("management_keys.verify", ["key": .string(key)])["id"]?.string == id)
        _ = try world.call("management_keys.delete", ["id": .string(id)])
        #expect(!accepts(key))
        #expect(world.error("management_keys.delete", ["id": .string(id)])?.code == .notFound)
        #expect(try world.call("management_keys.list")["keys"]?.elements.isEmpty == true)
    }

    /// `docs/api.md` tells scanners of published secrets what to look for.
    @Test func aKeyLooksAsItIsDocumented() throws {
        let made = try (0..<20).map { _ in try create() }
        for (id, key) in made {
            #expect(key.wholeMatch(of: /dcmk_[0-9a-f]{16}_[A-Za-z0-9_-]{43}/) != nil)
            #expect(key.hasPrefix("dcmk_\(id)_"))
        }
        #expect(Set(made.map(\.key)).count == 20 && Set(made.map(\.id)).count == 20)
    }

    @Test func onlyItsCreationShowsIt() throws {
        let addresses: JSON = ["192.0.2.0/24", "2001:db8::/32"]
        let (id, key) = try create(["expiresIn": 3600, "addresses": addresses])
        let listed = try #require(try world.call("management_keys.list")["keys"]?.elements.first)
        let created = world.clock.seconds
        #expect(
            listed == [
                "id": .string(id), "name": "backend", "createdAt": .integer(created),
                "expiresAt": .integer(created + 3600),
                "addresses": addresses,
            ])
        let verified = try world.call("management_keys.verify", ["key": .string(key), "address": "192.0.2.7"])
        #expect(verified == listed)
    }

    @Test func keysAreListedInTheOrderOfTheirCreation() throws {
        let ids = try (0..<5).map { _ in
            world.clock.advance(seconds: 1)
            return try create().id
        }
        #expect(try world.call("management_keys.list")["keys"]?.elements.compactMap { $0["id"]?.string } == ids)
    }

    @Test func aKeyExpires() throws {
        let (_, key) = try create(["expiresIn": 60])
        let (_, forever) = try create()
        world.clock.advance(seconds: 59)
        #expect(accepts(key))
        world.clock.advance(seconds: 1)
        #expect(!accepts(key))
        world.clock.advance(seconds: 100 * 365 * 86_400)
        #expect(accepts(forever))
        // It is in the list until it is deleted.
        #expect(try world.call("management_keys.list")["keys"]?.elements.count == 2)
    }

    @Test func anotherProcessKnowsAtOnce() throws {
        let other = try world.another()
        let (id, key) = try create()
        #expect(accepts(key, in: other))
        _ = try other.call("management_keys.delete", ["id": .string(id)])
        #expect(!accepts(key))
        let late = try create()
        #expect(accepts(late.key, in: other))
        _ = try world.call("management_keys.delete", ["id": .string(late.id)])
        #expect(!accepts(late.key, in: other))
    }

    // MARK: - Which key

    @Test func anotherTextIsNoKey() throws {
        let (id, key) = try create()
        let (otherID, other) = try create()
        let secret = key.suffix(43)
        for text in [
            "dcmk_\(otherID)_\(secret)", "dcmk_\(id)_\(other.suffix(43))", "dcmk_\(id)-\(secret)", key + "A", key + "=",
            String(key.dropLast()), " " + key, key + " ", key.uppercased(), "dcmk_\(id.uppercased())_\(secret)",
            "DCMK_\(id)_\(secret)", String(secret), id, "dcmk_\(id)_", "dcmk_" + String(repeating: "é", count: 30),
        ] where text != key { #expect(!accepts(text), "\(text)") }
        // Each of its characters counts.
        for index in key.indices.dropFirst(5) {
            var changed = key
            changed.replaceSubrange(index...index, with: key[index] == "0" ? "1" : "0")
            #expect(!accepts(changed))
        }
        #expect(accepts(key) && accepts(other))
    }

    /// A request costs one row more.
    @Test func toVerifyOneReadsOneRow() throws {
        let store = try #require(world.store as? WatchedStore)
        let (_, key) = try create()
        for _ in 0..<20 { _ = try create() }
        _ = store.takeRows()
        for _ in 0..<10 { #expect(accepts(key)) }
        #expect(store.takeRows() == 10)
        #expect(!accepts("dcmk_0000000000000000_" + key.suffix(43)))
        #expect(!accepts("no key"))
        #expect(store.takeRows() == 0)
    }

    // MARK: - From where

    @Test(
        arguments: [
            (["192.0.2.7"], "192.0.2.7", true), (["192.0.2.7"], "192.0.2.8", false),
            (["192.0.2.7/32"], "192.0.2.7", true),
            (["192.0.2.0/24"], "192.0.2.255", true), (["192.0.2.0/24"], "192.0.3.0", false),
            (["192.0.2.0/23"], "192.0.3.0", true),
            (["192.0.2.128/25"], "192.0.2.127", false), (["192.0.2.128/25"], "192.0.2.128", true),
            (["0.0.0.0/0"], "203.0.113.9", true),
            (["0.0.0.0/0"], "2001:db8::1", false), (["::/0"], "2001:db8::1", true), (["::/0"], "192.0.2.7", false),
            (["2001:db8::/32"], "2001:db8:ffff::1", true), (["2001:db8::/32"], "2001:db9::1", false),
            (["2001:db8::1"], "2001:0DB8:0:0::0001", true), (["::1"], "127.0.0.1", false),
            (["127.0.0.0/8"], "::1", false),
            (["192.0.2.0/24", "2001:db8::/32"], "2001:db8::1", true),
            (["10.0.0.0/8", "192.0.2.0/24"], "192.0.2.7", true),
            // A server that listens for both sees IPv4 so.
            (["192.0.2.0/24"], "::ffff:192.0.2.7", true), (["192.0.2.0/24"], "::ffff:c000:207", true),
            (["192.0.2.0/24"], "::192.0.2.7", false), (["192.0.2.0/24"], "::ffff:192.0.3.7", false),
            (["192.0.2.0/24"], nil, false), (["192.0.2.0/24"], "192.0.2", false),
            (["192.0.2.0/24"], "192.0.2.7:443", false),
            (["192.0.2.0/24"], "192.0.2.7 ", false), (["192.0.2.0/24"], "localhost", false),
            (["192.0.2.7"], "192.0.2.07", false),
            (["fe80::/10"], "fe80::1%eth0", false), (["192.0.2.0/24"], "192.0.2.7, 10.0.0.1", false),
            ([], "203.0.113.9", true), ([], nil, true), ([], "nonsense", true),
        ] as [(JSON, String?, Bool)])
    func aKeyMayBeForSomeAddresses(_ row: (addresses: JSON, address: String?, isAccepted: Bool)) throws {
        let (_, key) = try create(["addresses": row.addresses])
        #expect(accepts(key, row.address.map { ["address": .string($0)] } ?? [:]) == row.isAccepted)
    }

    @Test(arguments: [
        "192.0.2.7/24", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/+24", "192.0.2.0/", "192.0.2.0/ 24",
        "192.0.2.0/024x", "192.0.2/24",
        "192.0.2.0/24/24", "/24", "2001:db8::1/32", "2001:db8::/129", "x", "example.com", "192.0.2.0/0x18", "*",
        "fe80::1%eth0",
        "192.0.2.0/99999999999999999999",
    ])
    func whatIsNoNetworkIsRefused(address: String) {
        let error = world.error("management_keys.create", ["name": "n", "addresses": ["192.0.2.7", .string(address)]])
        #expect(error?.code == .invalidRequest)
        #expect(error?.field == "addresses[1]")
    }

    @Test(
        arguments: [
            ([:], "name"), (["name": ""], "name"), (["name": "n", "expiresIn": 59], "expiresIn"),
            (["name": "n", "expiresIn": 0], "expiresIn"),
            (["name": "n", "expiresIn": 3_153_600_001], "expiresIn"), (["name": "n", "expiresIn": -1], "expiresIn"),
            (["name": "n", "addresses": "192.0.2.7"], "addresses"), (["name": "n", "key": "mine"], "key"),
        ] as [(JSON, String)])
    func aRequestThatIsWrongIsToldWhere(_ row: (request: JSON, field: String)) {
        let error = world.error("management_keys.create", row.request)
        #expect(error?.code == .invalidRequest && error?.field == row.field)
    }

    // MARK: - Whoever can write into the store

    @Test func theStoreHasNoKey() throws {
        let (_, key) = try create()
        let rows = try world.store.scan(prefix: [], after: nil, limit: 1000)
        for row in rows {
            let text = String(decoding: row.key + row.value, as: UTF8.self)
            #expect(!text.contains(key.suffix(20)) && !text.contains("backend"))
        }
    }

    /// A row that was made by somebody else, or is at another's place, opens nothing.
    @Test func nobodyElseCanAddAKey() throws {
        let (id, key) = try create()
        let row = try #require(try row)
        let other = try World()  // with its own sealing keys
        let theirs = try other.call("management_keys.create", ["name": "theirs"])
        let theirRow = try #require(try other.store.scan(prefix: RowKeys.managementKeys, after: nil, limit: 1).first)
        try world.store.commit([.put(theirRow.key, theirRow.value, expecting: .absent)])
        #expect(!accepts(theirs["key"]?.string ?? ""))
        // Their place in this vault.
        let theirID = ID(theirs["id"]?.string ?? "")
        let place = try world.vault.rows.read { (reader) throws(ConnError) in .done(reader.keys.managementKey(theirID))
        }
        .performed(.unbounded)
        for value in [theirRow.value, row.value] {
            try world.store.commit([.put(place, value, expecting: .any)])
            #expect(!accepts(theirs["key"]?.string ?? ""))
            #expect(!accepts("dcmk_\(theirID)_\(key.suffix(43))"))
        }
        try world.store.commit([.put(row.key, theirRow.value, expecting: .any)])
        #expect(!accepts(key))
        #expect(try world.call("management_keys.list")["unreadable"]?.integer == 3)
        _ = try world.call("management_keys.delete", ["id": .string(id)])
        #expect(try world.store.get(row.key) == nil)
    }

    @Test func aKeyGoesOnUnderNewSealingKeys() throws {
        let (_, key) = try create()
        let new = try world.call("keys.add")["id"] ?? ""
        _ = try world.call("keys.activate", ["id": new])
        _ = try world.call("keys.reseal")
        #expect(accepts(key))
        #expect(accepts(key, in: try world.another()))
    }

    @Test func aVaultHasAtMostAThousand() throws {
        for _ in 0..<1000 { _ = try create() }
        #expect(world.error("management_keys.create", ["name": "n"])?.code == .limit)
        let first = try world.call("management_keys.list")["keys"]?.elements.first?["id"] ?? ""
        _ = try world.call("management_keys.delete", ["id": first])
        #expect(accepts(try create().key))
    }

    // MARK: - The audit

    @Test func theAuditTellsWhoMadeAndDeletedIt() throws {
        let (id, key) = try create(["actor": "root"])
        _ = accepts(key)
        _ = accepts("dcmk_" + key.dropFirst(5).reversed())
        _ = world.error("management_keys.delete", ["id": "gone", "actor": "eve"])
        _ = try world.call("management_keys.delete", ["id": .string(id), "actor": "root"])
        let answer = try world.call("audit.list")
        let records = (answer["records"]?.elements ?? []).filter {
            $0["op"]?.string?.hasPrefix("management_keys") == true
        }
        func told(_ record: JSON) -> [String?] { ["op", "actor", "keyId", "outcome"].map { record[$0]?.string } }
        #expect(
            Set(records.map(told)) == [
                ["management_keys.create", "root", id, "ok"], ["management_keys.delete", "root", id, "ok"],
                ["management_keys.delete", "eve", "gone", "not_found"],
            ])
        #expect(!answer.text.contains(key.suffix(43)))
    }
}
