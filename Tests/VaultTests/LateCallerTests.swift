import Connections
import Foundation
import HTTP
import JSON
import Runtime
import TestSupport
import Testing

@testable import Vault

/// What a caller was not answered has not happened.
@Suite struct LateCallerTests {
    private let store = MeddlingStore(MemoryStore())
    private let client: Client

    init() throws {
        client = Client(
            backend: try VaultBackend(store: store, config: try World.config(["audit": "all"])),
            transport: try CurlTransport(options: HTTPOptions(proxy: "")))
        try client.call("apps.create", ["id": "once", "appType": "apikey", "deleteAfterFirstFetch": true])
        for user in ["u1", "u2"] {
            try client.call("store_api_key", ["appId": "once", "userId": "\(user)", "apiKey": "k"])
        }
    }

    private static let changes: [(operation: String, request: JSON)] = [
        ("store_api_key", ["appId": "once", "userId": "u3", "apiKey": "k"]), ("delete", ["userId": "u1"]),
        ("apps.create", ["id": "more", "appType": "apikey"]), ("keys.add", [:]),
    ]

    /// The store writes for longer than the caller has time. What is done is answered as done. A connection's deletion is
    /// several commits, and may be cut off between them: the next one finishes it.
    @Test(arguments: changes, [false, true])
    func whatIsWrittenLateIsAnsweredAsDone(_ change: (operation: String, request: JSON), _ isSubmitted: Bool) throws {
        let deadline = Deadline.after(milliseconds: 3_000)
        store.at(.afterCommit) { Event().wait(untilNanoseconds: deadline.adding(milliseconds: 200).nanoseconds) }
        #expect(throws: Never.self) {
            try client.call(change.operation, change.request, submitted: isSubmitted, context: .until(deadline))
        }
        #expect(deadline.hasPassed)
    }

    /// Another's change is at the store all the while that the caller can wait.
    @Test(arguments: [false, true]) func aChangeThatDidNotGetItsTurnIsNotMade(_ isSubmitted: Bool) throws {
        let (begun, gate, ended) = (Event(), Event(), Event())
        store.at(.commit) {
            begun.signal()
            gate.wait(untilNanoseconds: .max)
        }
        Thread.detachNewThread { [self] in
            _ = client.error("store_api_key", ["appId": "once", "userId": "u2", "apiKey": "k2"])
            ended.signal()
        }
        begun.wait(untilNanoseconds: .max)
        let fetch: JSON = ["appId": "once", "userId": "u1"]
        let error = #expect(throws: ConnError.self) {
            try client.call("fetch", fetch, submitted: isSubmitted, context: .until(.after(milliseconds: 50)))
        }
        #expect(error?.code == .timeout)
        gate.signal()
        ended.wait(untilNanoseconds: .max)
        let records = try client.call("audit.list")["records"]?.elements ?? []
        #expect(!records.contains { $0["op"]?.string == "fetch" })
        #expect(try client.call("fetch", fetch)["token"]?["accessToken"]?.string == "k")
        #expect(throws: ConnError.self) { try client.call("fetch", fetch) }
    }
}
