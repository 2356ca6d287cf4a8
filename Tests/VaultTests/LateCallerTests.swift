import Connections
import Dispatch
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
        let config = """
            {"backend":"vault","path":"unused","audit":"all","key":{"bytes":"\(String(repeating: "0a", count: 32))"}}
            """
        client = Client(
            backend: try VaultBackend(
                store: store, config: try VaultConfig(try JSON.parse(config), environment: { _ in nil })),
            transport: try CurlTransport(options: HTTPOptions(proxy: "")))
        _ = try call(#"{"op":"apps.create","id":"once","appType":"apikey","deleteAfterFirstFetch":true}"#).get()
        for user in ["u1", "u2"] {
            _ = try call(#"{"op":"store_api_key","appId":"once","userId":"\#(user)","apiKey":"k"}"#).get()
        }
    }

    private func call(
        _ request: String, submitted: Bool = false, deadline: Deadline = .never
    ) -> Result<JSON, ConnError> {
        let context = CallContext(deadline: deadline, cancellation: Cancellation())
        var request = request
        return request.withUTF8 { bytes in
            let text = UnsafeRawBufferPointer(bytes)
            guard submitted else {
                return Result { () throws(ConnError) in try client.call(text, operation: nil, context) }
            }
            let answered = DispatchSemaphore(value: 0)
            nonisolated(unsafe) var answer = Result<JSON, ConnError>.failure(.cancelled)
            client.submit(text, context) { result in
                answer = result
                answered.signal()
            }
            answered.wait()
            return answer
        }
    }

    /// The store writes for longer than the caller has time. What is done is answered as done. A connection's deletion is
    /// several commits, and may be cut off between them: the next one finishes it.
    @Test(
        arguments: [
            #"{"op":"store_api_key","appId":"once","userId":"u3","apiKey":"k"}"#,
            #"{"op":"delete","userId":"u1"}"#, #"{"op":"apps.create","id":"more","appType":"apikey"}"#,
            #"{"op":"keys.add"}"#,
        ], [false, true])
    func whatIsWrittenLateIsAnsweredAsDone(_ request: String, _ isSubmitted: Bool) throws {
        let deadline = Deadline.after(milliseconds: 3_000)
        store.at(.afterCommit) { Event().wait(untilNanoseconds: deadline.adding(milliseconds: 200).nanoseconds) }
        #expect(throws: Never.self) { try call(request, submitted: isSubmitted, deadline: deadline).get() }
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
            _ = call(#"{"op":"store_api_key","appId":"once","userId":"u2","apiKey":"k2"}"#)
            ended.signal()
        }
        begun.wait(untilNanoseconds: .max)
        let fetch = #"{"op":"fetch","appId":"once","userId":"u1"}"#
        let late = call(fetch, submitted: isSubmitted, deadline: .after(milliseconds: 50))
        let error = #expect(throws: ConnError.self) { try late.get() }
        #expect(error?.code == .timeout)
        gate.signal()
        ended.wait(untilNanoseconds: .max)
        let records = try call(#"{"op":"audit.list"}"#).get()["records"]?.elements ?? []
        #expect(!records.contains { $0["op"]?.string == "fetch" })
        #expect(try call(fetch).get()["token"]?["accessToken"]?.string == "k")
        #expect(throws: ConnError.self) { try call(fetch).get() }
    }
}
