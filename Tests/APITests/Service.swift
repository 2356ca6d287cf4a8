import API
import Connections
import HTTP
import JSON
import Runtime
import StoreSQLite
import TestSupport
import Testing
import Vault

/// A vault with two connections, and Descope's API above it.
final class Service {
    static let root = "/v1/mgmt/outbound"
    static let project = "P2testtesttesttesttesttest01"

    let provider = CannedProvider()
    let clock = MovableClock()
    private let folder: TemporaryFolder
    private let backend: APIBackend

    struct Answer {
        let status: Int64
        /// Null where there is none.
        let body: JSON
        let headers: JSON

        var code: String? { body["errorCode"]?.string }
    }

    /// - Parameter api: the config's `api`.
    init(api: JSON? = nil) throws {
        folder = try TemporaryFolder()
        backend = try Self.backend(folder, clock, api)
        try run(
            "apps.create",
            [
                "id": "crm", "name": "CRM", "clientId": "c", "clientSecret": "s3cret",
                "authorizationUrl": "https://crm.example/authorize", "tokenUrl": "https://crm.example/token",
                "defaultScopes": ["read"],
            ])
        try run("apps.create", ["id": "key", "appType": "apikey"])
    }

    private static func backend(_ folder: TemporaryFolder, _ clock: MovableClock, _ api: JSON?) throws -> APIBackend {
        let path = folder.file("vault.db")
        let config: JSON = [
            "backend": "vault", "path": .string(path), "redirectUrl": "https://h.example/callback",
            "key": ["bytes": .string(String(repeating: "5a", count: 32))], "audit": "all",
        ]
        if let api { config.set("api", api) }
        let vault = try VaultBackend(
            store: try SQLiteStore(path: path), config: try VaultConfig(config, environment: { _ in nil }),
            clock: clock.clock)
        return APIBackend(vault, try APISettings(api), clock: clock.clock)
    }

    @discardableResult
    func run(_ operation: String, _ request: JSON = [:]) throws -> JSON {
        try StepDriver(operation, request, of: backend, provider, clock).finish()
    }

    /// - Parameter who: what a host says of who calls, such as `authorization`.
    func call(_ method: String, _ path: String, query: String = "", _ body: String = "", as who: JSON) throws -> Answer
    {
        let request: JSON = [
            "method": .string(method), "path": .string(path), "query": .string(query), "body": .string(body),
        ]
        let answer = try run("api.handle", request.with(who))
        let text = answer["body"]?.string ?? ""
        let hasNone = text.isEmpty && answer["status"]?.integer == 204
        #expect(hasNone || answer["headers"]?["content-type"]?.string == "application/json")
        return Answer(
            status: answer["status"]?.integer ?? 0, body: hasNone ? .null : try JSON.parse(text),
            headers: answer["headers"] ?? [:])
    }

    /// A fetch of the latest token.
    func fetch(_ subject: JSON, app: String = "key", as who: JSON) throws -> Answer {
        let body = subject.with(["appId": .string(app)])
        let level = subject["userId"] == nil ? "tenant" : "user"
        return try call("POST", "\(Self.root)/app/\(level)/token/latest", body.text, as: who)
    }

    func storeKey(_ subject: JSON) throws {
        try run("store_api_key", subject.with(["appId": "key", "apiKey": "sk"]))
    }

    // MARK: - Management keys and JWTs

    func managementKey(_ more: JSON = [:]) throws -> String {
        try run("management_keys.create", (["name": "k"] as JSON).with(more))["key"]?.string ?? ""
    }

    /// The project as an issuer, whose keys are in the config.
    static func issuer(_ more: JSON = [:]) -> JSON {
        (["projectId": .string(project), "jwks": ["keys": [JWTSigner.p256.jwk]]] as JSON).with(more)
    }

    /// A JWT of the project.
    func jwt(_ claims: JSON, signer: JWTSigner = .p256) -> String {
        let all: JSON = ["iss": .string(Self.project), "exp": .integer(clock.seconds + 600)]
        return signer.jwt(all.with(claims), "ES256")
    }

    /// Who has sent that after the project.
    static func bearer(_ credential: String) -> JSON { ["authorization": "Bearer \(project):\(credential)"] }

    func user(_ id: String, _ more: JSON = [:]) -> JSON {
        Self.bearer(jwt((["sub": .string(id)] as JSON).with(more)))
    }

    /// A client with its own token.
    func client(_ id: String, _ more: JSON = [:]) -> JSON {
        Self.bearer(jwt((["sub": .string(id), "azp": .string(id)] as JSON).with(more)))
    }
}
