import Connections
import HTTP
import JSON
import Runtime
import TestSupport
import Testing

/// Where an issuer's keys come from, and how often they are asked for: by the calls that there are, under a clock that stands.
@Suite struct KeySourceTests {
    private let verifier: Verifier
    private let old = JWTSigner.p256
    private let new = JWTSigner.p384

    init() throws { verifier = try .ofProject() }

    private func oldJWT(_ more: JSON = [:]) -> String {
        old.jwt(verifier.claims(more, issuer: Verifier.project), "ES256")
    }

    private func newJWT() -> String { new.jwt(verifier.claims(issuer: Verifier.project), "ES384") }

    private func unknownJWT(_ id: Int) -> String {
        old.jwt(verifier.claims(issuer: Verifier.project), "ES256", header: ["kid": "unknown-\(id)"])
    }

    private let day: Int64 = 86_400

    @Test func theKeysOfAProjectAreReadOnce() throws {
        verifier.answerKeys(old.jwk)
        for _ in 0..<20 { #expect(verifier.takes(oldJWT())) }
        #expect(verifier.provider.requests.map(\.url) == [Verifier.keysURL])
        #expect(verifier.provider.requests.first?.method == .get)
    }

    @Test(
        arguments: [
            (["baseUrl": "https://auth.example"], "https://auth.example/v2/keys/\(Verifier.project)"),
            (["baseUrl": "https://auth.example/"], "https://auth.example/v2/keys/\(Verifier.project)"),
            (["baseUrl": "http://127.0.0.1:9/d"], "http://127.0.0.1:9/d/v2/keys/\(Verifier.project)"),
            (["jwksUrl": "https://keys.example/k"], "https://keys.example/k"),
            (
                ["projectId": "Peuc1testtesttesttesttesttest001"],
                "https://api.euc1.descope.com/v2/keys/Peuc1testtesttesttesttesttest001"
            ),
        ] as [(JSON, String)])
    func aProjectsKeysAreWhereItsAPIIs(_ row: (more: JSON, url: String)) throws {
        let verifier = try Verifier.ofProject(row.more)
        verifier.answerKeys(old.jwk)
        let issuer = row.more["projectId"]?.string ?? Verifier.project
        #expect(verifier.takes(old.jwt(verifier.claims(issuer: issuer), "ES256")))
        #expect(verifier.provider.requests.map(\.url) == [row.url])
    }

    /// What is wrong before its key matters asks nobody.
    @Test func nothingIsAskedForWhatIsWrongAnyhow() {
        for jwt in [
            oldJWT(["iss": "https://evil.example/\(Verifier.project)"]), oldJWT(["exp": 1]), oldJWT(["aud": "x"]),
            "a.b.c",
        ] {
            #expect(!verifier.takes(jwt))
        }
        #expect(verifier.readings == 0)
    }

    // MARK: - Rotation

    @Test func aNewKeyIsFoundWhenSomebodyHasSignedWithIt() throws {
        verifier.answerKeys(old.jwk)
        #expect(verifier.takes(oldJWT()))
        verifier.clock.advance(seconds: 30)
        verifier.answerKeys(old.jwk, new.jwk)
        #expect(verifier.takes(newJWT()))
        #expect(verifier.takes(oldJWT()))
        #expect(verifier.readings == 2)
    }

    /// Whoever makes up names of keys has them read twice a minute.
    @Test func namesThatAreMadeUpDoNotHaveTheKeysReadAgain() {
        verifier.provider.otherwise { [old] _ in
            .success(HTTPResponse(status: 200, headers: [:], body: (["keys": [old.jwk]] as JSON).secret))
        }
        #expect(verifier.takes(oldJWT()))
        for id in 0..<100 { #expect(!verifier.takes(unknownJWT(id))) }
        #expect(verifier.readings == 1)
        verifier.clock.advance(seconds: 29)
        for id in 0..<100 { #expect(!verifier.takes(unknownJWT(id))) }
        #expect(verifier.readings == 1)
        verifier.clock.advance(seconds: 1)
        for id in 0..<100 { #expect(!verifier.takes(unknownJWT(id))) }
        #expect(verifier.readings == 2)
        #expect(verifier.takes(oldJWT()))
        #expect(verifier.readings == 2)
    }

    @Test func aKeyThatWasTakenBackIsOfNoUseAfterTenMinutes() {
        verifier.answerKeys(old.jwk, new.jwk)
        let long = oldJWT(["exp": .integer(verifier.clock.seconds + day)])
        #expect(verifier.takes(long))
        verifier.clock.advance(seconds: 599)
        #expect(verifier.takes(long))
        verifier.clock.advance(seconds: 1)
        verifier.answerKeys(new.jwk)
        #expect(!verifier.takes(long))
        #expect(verifier.readings == 2)
    }

    // MARK: - At the same time

    @Test func whoeverComesMeanwhileWaitsForTheSameAnswer() throws {
        let calls = (0..<5).map { _ in verifier.begin(oldJWT()) }
        #expect(calls.first?.isAtProvider == true)
        for call in calls.dropFirst() { #expect(call.isWaitingForFlight) }
        verifier.answerKeys(old.jwk)
        for call in calls { #expect(try call.finish()["userId"]?.string == "alice") }
        #expect(verifier.readings == 1)
    }

    /// A key that is new is new for all who have signed with it.
    @Test func whoeverNamesANewKeyMeanwhileWaitsToo() throws {
        verifier.answerKeys(old.jwk)
        #expect(verifier.takes(oldJWT()))
        verifier.clock.advance(seconds: 30)
        let calls = (0..<5).map { _ in verifier.begin(newJWT()) }
        #expect(calls.first?.isAtProvider == true)
        // The keys that are known are of use meanwhile.
        #expect(verifier.takes(oldJWT()))
        verifier.answerKeys(old.jwk, new.jwk)
        for call in calls { #expect(try call.finish()["userId"]?.string == "alice") }
        #expect(verifier.readings == 2)
    }

    /// Not one after the other, each for as long as the server takes to fail.
    @Test func whoeverWaitedForAFailureHasFailed() {
        let calls = (0..<5).map { _ in verifier.begin(oldJWT()) }
        verifier.clock.advance(seconds: 10)
        #expect(calls.map { $0.error()?.code } == Array(repeating: .unavailable, count: 5))
        #expect(verifier.readings == 1)
    }

    @Test func whoeverWaitedForSomebodyWhoLeftAsks() throws {
        let first = verifier.begin(oldJWT())
        let second = verifier.begin(oldJWT())
        #expect(first.isAtProvider && second.isWaitingForFlight)
        first.cancel()
        verifier.answerKeys(old.jwk)
        #expect(try second.finish()["userId"]?.string == "alice")
    }

    // MARK: - An issuer that does not answer

    @Test func keysThatCannotBeReadAreNoFaultOfTheTokens() {
        #expect(verifier.error(oldJWT())?.code == .unavailable)
        for _ in 0..<20 { #expect(verifier.error(oldJWT())?.code == .unavailable) }
        #expect(verifier.readings == 1)
        verifier.clock.advance(seconds: 5)
        verifier.answerKeys(old.jwk)
        #expect(verifier.takes(oldJWT()))
        #expect(verifier.readings == 2)
    }

    @Test func keysStayOfUseForADayWhileTheIssuerDoesNotAnswer() {
        verifier.answerKeys(old.jwk)
        let long = oldJWT(["exp": .integer(verifier.clock.seconds + 3 * day)])
        #expect(verifier.takes(long))
        for _ in 0..<10 {
            verifier.clock.advance(seconds: day / 10 - 1)
            for _ in 0..<10 { #expect(verifier.takes(long)) }
        }
        #expect(verifier.readings == 11)
        verifier.clock.advance(seconds: 10)
        #expect(verifier.error(long)?.code == .unavailable)
        verifier.clock.advance(seconds: 5)
        verifier.answerKeys(old.jwk)
        #expect(verifier.takes(long))
    }

    /// Who happens to read the keys anew does so for others, and does not wait long for an issuer that is down.
    @Test func whoHasTheKeyDoesNotWaitLong() {
        verifier.answerKeys(old.jwk)
        #expect(verifier.takes(oldJWT()))
        verifier.clock.advance(seconds: 600)
        verifier.provider.nextIsLost()
        #expect(verifier.takes(oldJWT()))
        verifier.clock.advance(seconds: 30)
        verifier.answerKeys(new.jwk)
        #expect(verifier.takes(newJWT()))
        #expect(verifier.provider.requests.map(\.timeoutMilliseconds) == [10_000, 2_000, 10_000])
    }

    @Test(
        arguments: [
            (404, #"{"keys":[]}"#), (500, ""), (301, ""), (200, ""), (200, "<html>"), (200, "[]"), (200, "{}"),
            (200, #"{"keys":{}}"#), (200, #"{"keys":[]}"#), (200, #"{"keys":[1,null,{}]}"#),
            (200, #"{"keys":[],"keys":[]}"#), (200, String(repeating: "[", count: 100_000)),
            (204, #"{"keys":[$]}"#),
            (200, #"{"keys":[$],"x":"# + "\"" + String(repeating: "x", count: 262_144) + "\"}"),
        ] as [(Int, String)])
    func whatIsNoSetOfKeysIsNoAnswer(_ row: (status: Int, body: String)) {
        verifier.provider.next(row.status, row.body.replacing("$", with: old.jwk.text))
        #expect(verifier.error(oldJWT())?.code == .unavailable)
        // And none that replaces the keys that are there.
        verifier.clock.advance(seconds: 5)
        verifier.answerKeys(old.jwk)
        #expect(verifier.takes(oldJWT()))
        verifier.clock.advance(seconds: 600)
        verifier.provider.next(row.status, row.body.replacing("$", with: old.jwk.text))
        #expect(verifier.takes(oldJWT()))
        #expect(verifier.readings == 3)
    }

    @Test func aSetMayHave256Kilobytes() {
        let body: JSON = ["keys": [old.jwk], "x": .string(String(repeating: "x", count: 200_000))]
        verifier.provider.next(200, body)
        #expect(verifier.takes(oldJWT()))
    }
}
