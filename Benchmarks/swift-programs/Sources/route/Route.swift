// The least that answering over HTTP takes: one route of Hummingbird, and always the same bytes: `route PORT ANSWER`.

import Hummingbird
import Logging

@main
struct Route {
    static func main() async throws {
        let answer = ByteBuffer(string: CommandLine.arguments[2])
        let router = Router()
        router.post("/v1/mgmt/outbound/app/user/token/latest") { request, _ in
            _ = try await request.body.collect(upTo: 65536)
            return Response(
                status: .ok, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: answer))
        }
        var logger = Logger(label: "route")
        logger.logLevel = .error
        let application = Application(
            router: router,
            configuration: .init(address: .hostname("127.0.0.1", port: Int(CommandLine.arguments[1])!)),
            logger: logger)
        try await application.runService()
    }
}
