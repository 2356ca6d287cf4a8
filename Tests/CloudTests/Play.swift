import Cloud
import Connections
import HTTP
import JSON
import Runtime
import TestSupport
import Testing

let projectID = "P2testtesttesttesttesttest01"
let managementKey = "K2testmanagementkey"
let userToken = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1MSJ9.unsigned"
let now: Int64 = 1_700_000_000

/// What an operation did when it was played against canned replies: no sockets, no waiting.
struct Played {
    var requests: [HTTPRequest] = []
    var pauses: [Int] = []
    var result: Result<JSON, ConnError> = .failure(.cancelled)

    var answer: String? { (try? result.get())?.text }

    var error: ConnError? { result.error }
}

/// Plays an operation. Each request is answered by the next reply; there must be one for each.
func play(
    _ operation: String, _ request: String, _ replies: HTTPResult..., config: String = "", at seconds: Int64 = now
) throws -> Played {
    try play(operation, request, replies: replies, config: config, at: seconds)
}

func play(
    _ operation: String, _ request: String, replies: [HTTPResult], config: String = "", at seconds: Int64 = now
) throws -> Played {
    let config = try CloudConfig(try JSON.parse(config.isEmpty ? keyConfig : config), environment: { _ in nil })
    let clock = MovableClock(milliseconds: seconds * 1000)
    let provider = CannedProvider()
    for reply in replies { provider.next(reply) }
    let backend = CloudBackend(config, clock: Clock { seconds * 1000 })
    let call = StepDriver(request, operation, of: backend, provider, clock)
    while call.step(), !call.isDone {}
    #expect(provider.requests.count <= replies.count, "\(provider.requests.map(\.url))")
    return Played(requests: provider.requests, pauses: call.pauses, result: call.result)
}

let keyConfig = #"{"backend":"cloud","projectId":"\#(projectID)","managementKey":"\#(managementKey)"}"#
let keylessConfig = #"{"backend":"cloud","projectId":"\#(projectID)"}"#

func reply(_ status: Int, _ body: String, headers: [ID: String] = [:]) -> HTTPResult {
    .success(HTTPResponse(status: status, headers: headers, body: Secret(body)))
}

func lost(_ kind: HTTPFailure.Kind, mayHaveArrived: Bool) -> HTTPResult {
    .failure(HTTPFailure(kind, "api.descope.com: \(kind.rawValue)", mayHaveArrived: mayHaveArrived))
}

func token(_ members: String = "") -> HTTPResult {
    reply(200, #"{"token":{"id":"t1","appId":"google","accessToken":"ya29"\#(members)}}"#)
}

let noToken = reply(404, #"{"errorCode":"E111504","errorDescription":"token not found"}"#)
