import DescopeConn
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// What every request goes through before and after it is answered: limits, the host's name, metrics and the log.
struct Frontend: HTTPResponder {
    struct Context: RequestContext {
        var coreContext: CoreRequestContextStorage
        let peer: String?

        init(source: ApplicationRequestContextSource) {
            coreContext = CoreRequestContextStorage(source: source)
            peer = source.channel.remoteAddress?.ipAddress
        }
    }

    private static let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    let site: Site
    let clientAddress: ClientAddress
    let refusals: Throttle
    let signIns: Throttle
    let requests: Throttle?
    let logger: Logger

    func respond(to request: Request, context: Context) async throws -> Response {
        let begun = ContinuousClock.now
        let address = clientAddress.find(peer: context.peer, request.headers)
        let asked = Asked(request, address: address, seconds: site.settings.requestSeconds)
        let route = Route.of(asked.path, isAdministration: site.isAdministration)
        let inFlight = site.metrics.begin()
        var response = await answer(asked, route, host: request.head.authority, inFlight)
        if route != .health, site.url.isSecure {
            response.headers[.strictTransportSecurity] = "max-age=31536000"
        }
        let seconds = (ContinuousClock.now - begun) / .seconds(1)
        let method = Self.methods.contains(asked.method) ? asked.method : "other"
        site.metrics.end(route: route, method: method, status: response.status.code, seconds: seconds)
        log(asked, route, method, response, seconds)
        return response
    }

    private func answer(_ asked: Asked, _ route: Route, host: String?, _ inFlight: Int) async -> Response {
        if route == .health || route == .metrics {
            return (try? await site.answer(asked, route)) ?? .text("failed\n", .internalServerError)
        }
        // The first has become the request's authority (RFC 9112 section 3.2: no request has two).
        guard asked.fields[.host] == nil else {
            return .error(.badRequest, "E011004", "the request names two hosts")
        }
        guard site.url.isNamed(by: host) else {
            return .error(.misdirectedRequest, "E011006", "the service has another name")
        }
        guard inFlight <= site.settings.maxRequests else {
            return .error(.serviceUnavailable, "E011000", "the service is busy", retryAfter: 1)
        }
        if let requests, let address = asked.address {
            if let seconds = requests.wait(address) {
                return tooMany(route, "There were too many requests from your network.", retryAfter: seconds)
            }
            requests.count(address)
        }
        // Pages are for whoever comes; who brings a credential may be guessing.
        let isAttempt = route == .api || route == .signIn && asked.method == "POST"
        let isBegin = route == .signIn && !isAttempt && !site.isAdministration
        guard isAttempt || isBegin, let address = asked.address else { return await self.response(to: asked, route) }
        if let seconds = (isAttempt ? refusals : signIns).wait(address) {
            let words =
                isAttempt
                ? "There were too many refused credentials." : "There were too many sign-ins from your network."
            return tooMany(route, words, retryAfter: seconds)
        }
        let response = await self.response(to: asked, route)
        if isBegin { signIns.count(address) } else if response.status == .unauthorized { refusals.count(address) }
        return response
    }

    private func response(to asked: Asked, _ route: Route) async -> Response {
        do {
            return try await site.answer(asked, route)
        } catch let refusal as Refusal {
            return refusal.response
        } catch let error as ConnError {
            return failure(error)
        } catch let error as ServiceError {
            logger.error("\(error.message)")
            return .error(.internalServerError, "E011000", "something went wrong")
        } catch {
            return .error(.badRequest, "E011004", "the request did not come in whole")
        }
    }

    /// For people, or for programs.
    private func tooMany(_ route: Route, _ words: String, retryAfter seconds: Int) -> Response {
        guard route == .signIn || route == .pages else {
            return .error(.tooManyRequests, "E130429", words, retryAfter: seconds)
        }
        var response = SignPage.failure(.tooManyRequests, "\(words) Wait a few seconds.").response
        response.headers[.retryAfter] = String(seconds)
        return response
    }

    private func failure(_ error: ConnError) -> Response {
        switch error.code {
        case .limit: return .error(.contentTooLarge, "E011003", "the request is too large")
        case .invalidRequest: return .error(.badRequest, "E011004", "the request is not taken")
        case .unavailable, .timeout, .cancelled:
            return .error(.serviceUnavailable, "E011000", "the service is not available", retryAfter: 1)
        default:
            logger.error("\(error.message)", metadata: ["code": "\(error.code.rawValue)"])
            return .error(.internalServerError, "E011000", "something went wrong")
        }
    }

    /// Never a query: it may hold a code, a state or a ticket.
    private func log(_ asked: Asked, _ route: Route, _ method: String, _ response: Response, _ seconds: Double) {
        var metadata: Logger.Metadata = [
            "method": "\(method)", "route": "\(route.rawValue)", "path": "\(asked.path.prefix(256))",
            "status": "\(response.status.code)", "microseconds": "\(Int(seconds * 1_000_000))",
        ]
        if let address = asked.address { metadata["address"] = "\(address)" }
        if let trace = asked.fields[.traceParent].flatMap(Self.traceID) { metadata["trace"] = "\(trace)" }
        logger.log(level: route == .health ? .debug : .info, "request", metadata: metadata)
    }

    /// The trace's id (W3C Trace Context, section 3.2).
    static func traceID(_ parent: String) -> String? {
        let parts = parent.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[1].utf8.count == 32, parts[1].utf8.contains(where: { $0 != 0x30 }),
            parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        return String(parts[1])
    }
}
