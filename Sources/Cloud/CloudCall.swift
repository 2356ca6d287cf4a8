internal import Connections
internal import HTTP
internal import JSON
internal import Runtime

/// One call of an endpoint: sent, sent again while that may help, and its answer read.
struct CloudCall: Sendable {
    let endpoint: Endpoint
    private let http: HTTPRequest
    private let attempts: Int
    let redaction: Redaction
    private let fields: JSON

    /// - Parameter fields: the operation's, checked.
    /// - Throws: when the credential is missing, or a field cannot be sent.
    init(_ endpoint: Endpoint, _ fields: JSON, _ config: CloudConfig) throws(ConnError) {
        self.endpoint = endpoint
        self.fields = fields
        attempts = config.attempts
        let secrets = Field.secrets(in: fields, Operation.byName[ID(endpoint.operation)]?.fields ?? [])
        redaction = Redaction(secrets, config.managementKey.map { [$0] } ?? [])

        // Descope needs the first; the others say in its logs who calls, and for which project.
        var headers = [
            try endpoint.credential.header(for: fields, config),
            HTTPRequest.Header("x-descope-sdk-name", "descope_conn"),
            HTTPRequest.Header("x-descope-project-id", config.projectID),
        ]
        let body = endpoint.body(for: fields)
        if body != nil { headers.append(HTTPRequest.Header("content-type", "application/json")) }
        http = HTTPRequest(
            endpoint.method, config.baseURL + (try endpoint.target(for: fields)), headers: headers, body: body?.secret,
            timeoutMilliseconds: config.timeoutMilliseconds, atMostOnce: !endpoint.isRepeatable)
    }

    /// - Returns: the body of a 2xx answer: an object, empty when there was none.
    func send() -> Step<JSON> { send(attempt: 1) }

    private func send(attempt: Int) -> Step<JSON> {
        .http(http) { (result) throws(ConnError) in
            if attempt < attempts, mayPass(result) {
                return .pause(milliseconds: Self.backoffMilliseconds(after: attempt)) { send(attempt: attempt + 1) }
            }
            switch result {
            case .success(let response): return .done(try read(response))
            case .failure(let failure): throw error(failure)
            }
        }
    }
}

// MARK: - Sending again

extension CloudCall {
    /// What the official SDKs send again for: no server behind the gateway, or no way to it.
    private static let passingStatuses: Set<Int> = [503, 520, 521, 522, 524, 530]

    /// Whether another attempt may help, and does no harm.
    private func mayPass(_ result: HTTPResult) -> Bool {
        switch result {
        case .success(let response):
            return endpoint.isRepeatable && Self.passingStatuses.contains(response.status)
        case .failure(let failure):
            switch failure.kind {
            case .resolve, .connect, .timeout: return !failure.mayHaveArrived
            case .interrupted: return endpoint.isRepeatable || !failure.mayHaveArrived
            case .tls, .tooLarge, .blockedAddress, .invalid: return false
            }
        }
    }

    /// 100 ms after the first attempt, three times as long after each further one, at most 2 s; from half of it on by
    /// chance, so that many callers do not come back at once.
    private static func backoffMilliseconds(after attempt: Int) -> Int {
        let longest = (1..<attempt).reduce(100) { pause, _ in min(2000, pause * 3) }
        return Int.random(in: (longest / 2)...longest)
    }
}

// MARK: - Reading

extension CloudCall {
    private func read(_ response: HTTPResponse) throws(ConnError) -> JSON {
        let isSuccess = (200...299).contains(response.status)
        let body = response.body.withBytes { try? JSON.parse($0) }.flatMap { $0.kind == .object ? $0 : nil }
        if isSuccess, response.body.count == 0, endpoint.reply == .nothing || endpoint.reply == .gone {
            return .object()
        }
        guard let body else {
            throw isSuccess || response.status == 404
                ? unreadable("answered \(response.status) with something that is not Descope's JSON", response.status)
                : refusal(response, errorCode: nil, description: nil)
        }
        /// The words of a refusal. A reply without any is not looked through for secrets.
        func told(_ name: String, maxCharacters: Int = 512) -> String? {
            guard let words = body[name] else { return nil }
            return redaction.adding(ForeignSecrets.inside(body)).clean(words, maxCharacters: maxCharacters)
        }
        let errorCode = told("errorCode", maxCharacters: 64)
        guard isSuccess, errorCode == nil else {
            let description = told("errorDescription") ?? told("errorMessage")
            throw refusal(response, errorCode: errorCode, description: description)
        }
        if let name = Asked.strangeMember(of: body, to: endpoint.operation, fields) {
            throw ConnError(.providerError, "\(place) answered with another \(name) than was asked for")
        }
        return body
    }

    private func refusal(_ response: HTTPResponse, errorCode: String?, description: String?) -> ConnError {
        let code = Refusal.code(status: response.status, errorCode: errorCode)
        var message = "\(place) answered \(response.status)"
        if let errorCode { message += " \(errorCode)" }
        if (300...399).contains(response.status) { message += ", a redirect, which is not followed" }
        if let description { message += ": \(description)" }
        var error = ConnError(code, message)
        error.httpStatus = response.status
        error.errorCode = errorCode
        error.errorDescription = description
        error.retryAfterMilliseconds = Refusal.retryAfterMilliseconds(response)
        if code == .notFound { explain(&error) }
        return error
    }

    /// What was not found, as far as that is certain.
    ///
    /// Descope does not say whether a subject has not connected at all, or with other scopes than those asked for. With
    /// scopes the reason is `scopes`: that none of its grants is for exactly these is true in both cases.
    private func explain(_ error: inout ConnError) {
        error.appID = fields["appId"]?.id
        guard error.errorCode != Refusal.userNotFound else { return }
        let isToken = endpoint.reply == .token
        guard !isToken || error.errorCode == Refusal.tokenNotFound else { return }
        error.reason = endpoint.notFound
        if endpoint.notFound == .scopes { error.missingScopes = fields["scopes"]?.strings }
    }

    /// An answer that cannot be one of Descope's.
    func unreadable(_ problem: String, _ status: Int? = nil) -> ConnError {
        var error = ConnError(.unavailable, "\(place) \(problem)")
        error.httpStatus = status
        return error
    }

    private func error(_ failure: HTTPFailure) -> ConnError {
        let doubt = failure.mayHaveArrived && !endpoint.isRepeatable ? "; the request may have taken effect" : ""
        return ConnError(failure.kind == .invalid ? .misconfigured : .unavailable, failure.message + doubt)
    }

    /// A failed item of a batch, its reason made fit to repeat.
    func clean(_ failure: JSON) -> JSON {
        let clean = JSON.object()
        for name in ["appId", "userId", "tenantId", "errorCode", "reason"] {
            if let text = redaction.clean(failure[name]) { clean.set(name, .string(text)) }
        }
        return clean
    }

    private var place: String { "\(URL(http.url)?.host ?? "") \(endpoint.method.rawValue) \(endpoint.path)" }
}
