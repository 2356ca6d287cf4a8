import API
import Connections
import HTTP
import JSON
import Runtime
import TestSupport
import Vault

/// A vault that takes JWTs of the issuers of its config, whose keys come from a canned provider.
struct Verifier {
    static let project = "P2testtesttesttesttesttest01"
    static let keysURL = "https://api.descope.com/v2/keys/\(project)"

    let provider = CannedProvider()
    let clock = MovableClock()
    private let backend: APIBackend

    /// - Parameter issuers: `ApiIssuer`s.
    init(_ issuers: JSON...) throws {
        let config: JSON = [
            "backend": "vault", "path": "unused", "key": ["bytes": .string(String(repeating: "5a", count: 32))],
            "api": ["issuers": .array(issuers)],
        ]
        let vault = try VaultBackend(
            store: MemoryStore(), config: try VaultConfig(config, environment: { _ in nil }), clock: clock.clock)
        backend = APIBackend(vault, try APISettings(config["api"]), clock: clock.clock)
    }

    /// One issuer, whose keys are in the config.
    init(keys: JSON..., audiences: JSON? = nil) throws {
        let issuer: JSON = ["issuer": "https://idp.example", "jwks": ["keys": .array(keys)]]
        if let audiences { issuer.set("audiences", audiences) }
        try self.init(issuer)
    }

    /// A project, whose keys are read where the provider answers.
    static func ofProject(_ more: JSON = [:]) throws -> Verifier {
        try Verifier((["projectId": .string(project)] as JSON).with(more))
    }

    /// What a JWT of that issuer claims: `more` replaces members, and null leaves one out.
    func claims(_ more: JSON = [:], issuer: String = "https://idp.example") -> JSON {
        let claims: JSON = ["iss": .string(issuer), "sub": "alice", "exp": .integer(clock.seconds + 600)]
        let all = claims.with(more)
        for (name, value) in all.members where value.kind == .null { all.remove(name) }
        return all
    }

    func begin(_ jwt: String) -> StepDriver {
        StepDriver("jwt.verify", ["jwt": .string(jwt)], of: backend, provider, clock)
    }

    func verify(_ jwt: String) throws(ConnError) -> JSON { try begin(jwt).finish() }

    func error(_ jwt: String) -> ConnError? { begin(jwt).error() }

    /// Whether it is taken. What is wrong with it is not told.
    func takes(_ jwt: String) -> Bool {
        guard let error = error(jwt) else { return true }
        precondition(error.code == .unauthorized && error.message == "the token is not accepted", "\(error)")
        return false
    }

    /// How often the keys were asked for.
    var readings: Int { provider.requests.count }

    func answerKeys(_ keys: JSON...) { provider.next(200, ["keys": .array(keys)]) }
}
