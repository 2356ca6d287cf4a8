import Cloud
import Connections
import HTTP
import JSON
import Runtime

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

    var error: ConnError? {
        if case .failure(let error) = result { error } else { nil }
    }
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
    let backend = CloudBackend(config, clock: Clock { seconds * 1000 })
    var played = Played()
    var replies = replies[...]
    do throws(ConnError) {
        let request = try checked(operation, request)
        var step = try backend.begin(request)
        while true {
            switch step {
            case .done(let answer):
                try request.checkAnswer(answer, backend: .cloud)
                played.result = .success(answer)
                return played
            case .http(let sent, let then):
                played.requests.append(sent)
                guard let reply = replies.popFirst() else {
                    throw ConnError(.internal, "more requests than replies: \(played.requests.map(\.url))")
                }
                step = try then(reply)
            case .pause(let milliseconds, let then):
                played.pauses.append(milliseconds)
                step = try then()
            case .admission, .aside, .blocking, .join, .queued, .settled:
                throw ConnError(.internal, "the cloud waits for nothing but exchanges and pauses")
            }
        }
    } catch {
        played.result = .failure(error)
    }
    return played
}

let keyConfig = #"{"backend":"cloud","projectId":"\#(projectID)","managementKey":"\#(managementKey)"}"#
let keylessConfig = #"{"backend":"cloud","projectId":"\#(projectID)"}"#

func checked(_ operation: String, _ request: String) throws(ConnError) -> Request {
    var request = request
    let result: Result<Request, ConnError> = request.withUTF8 { bytes in
        Result { () throws(ConnError) in
            try Request(UnsafeRawBufferPointer(bytes), operation: operation, backend: .cloud)
        }
    }
    return try result.get()
}

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

extension HTTPRequest {
    var bodyText: String? { body?.withBytes { String(decoding: $0, as: UTF8.self) } }

    func header(_ name: String) -> String? {
        headers.first { $0.name == name }?.value.withBytes { String(decoding: $0, as: UTF8.self) }
    }
}
