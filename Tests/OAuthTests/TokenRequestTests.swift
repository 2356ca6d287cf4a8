import HTTP
import JSON
import Runtime
import Testing

@testable import OAuth

struct TokenRequestTests {
    @Test func codeExchange() throws {
        let request = try onlyRequest(of: exchangeStep(.sample))
        #expect(request.method == .post)
        #expect(request.url == "https://acme.example/token")
        #expect(request.mustFinish)
        #expect(!request.publicAddressesOnly)
        #expect(header("Content-Type", request) == "application/x-www-form-urlencoded")
        #expect(header("Accept", request) == "application/json")
        #expect(
            text(request.body)
                == "grant_type=authorization_code&code=c%2F1&redirect_uri=https%3A%2F%2Fapp.example%2Fcb"
                + "&code_verifier=verifier")
    }

    @Test func refreshing() throws {
        let provider = Provider.sample.with {
            $0.scopeSeparator = ","
            $0.refreshURL = "https://acme.example/refresh"
        }
        let request = try onlyRequest(of: refreshStep(provider, scopes: ["a:read", "b"]))
        #expect(request.url == "https://acme.example/refresh")
        #expect(request.mustFinish)
        #expect(text(request.body) == "grant_type=refresh_token&refresh_token=refresh-token-1&scope=a%3Aread%2Cb")
    }

    /// RFC 6749 section 2.3.1's example.
    @Test func basicOfTheRFC() throws {
        let provider = Provider.sample.with {
            $0.clientID = "s6BhdRkqt3"
            $0.clientSecret = Secret("7Fjfp0ZBr1KtDRbnfVdmIw")
        }
        let request = try onlyRequest(of: refreshStep(provider))
        #expect(header("Authorization", request) == "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3")
        #expect(!text(request.body).contains("client"))
    }

    /// RFC 6749 appendix B's example: " %&+£€".
    @Test func formEncodingOfTheRFC() throws {
        let provider = Provider.sample.with {
            $0.clientID = "a:b"
            $0.clientSecret = Secret(" %&+£€")
        }
        let pair = Secret("a%3Ab:+%25%26%2B%C2%A3%E2%82%AC")
        let header = header("Authorization", try onlyRequest(of: refreshStep(provider)))
        #expect(header == "Basic \(base64(pair))")
    }

    @Test func secretInTheBody() throws {
        let request = try onlyRequest(of: refreshStep(.sample.with { $0.authMethod = .post }))
        #expect(header("Authorization", request) == nil)
        #expect(text(request.body).hasSuffix("&client_id=client&client_secret=s3cr3t-value"))
    }

    @Test func secretAsBearer() throws {
        let request = try onlyRequest(of: refreshStep(.sample.with { $0.authMethod = .bearer }))
        #expect(header("Authorization", request) == "Bearer s3cr3t-value")
        #expect(!text(request.body).contains("s3cr3t-value"))
    }

    @Test func publicClient() throws {
        let request = try onlyRequest(of: refreshStep(.sample.with { $0.clientSecret = nil }))
        #expect(header("Authorization", request) == nil)
        #expect(text(request.body).hasSuffix("&client_id=client"))
    }

    @Test func jsonBody() throws {
        let provider = Provider.sample.with {
            $0.bodyFormat = .json
            $0.authMethod = .post
            $0.renamedTokenParameters = ["client_id": "client_key", "code": "auth_code"]
        }
        let request = try onlyRequest(
            of: exchangeStep(provider, resources: ["https://a.example", "https://b.example"]))
        #expect(header("Content-Type", request) == "application/json")
        let body = try JSON.parse(text(request.body))
        #expect(body["client_key"]?.string == "client")
        #expect(body["client_id"] == nil)
        #expect(body["auth_code"]?.string == "c/1")
        #expect(body["client_secret"]?.string == "s3cr3t-value")
        #expect(body["resource"]?.strings == ["https://a.example", "https://b.example"])
    }

    @Test func providerParametersReplace() throws {
        let provider = Provider.sample.with {
            $0.tokenParameters = [.init("grant_type", "special"), .init("expires_in", "1800")]
        }
        let body = text(try onlyRequest(of: refreshStep(provider)).body)
        #expect(body == "refresh_token=refresh-token-1&grant_type=special&expires_in=1800")
    }

    @Test func resourcesRepeat() throws {
        let request = try onlyRequest(of: exchangeStep(.sample, resources: ["https://a.example", "https://b.example"]))
        #expect(text(request.body).hasSuffix("&resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example"))
    }

    /// What a discovery document names is at a public address, unless the config says otherwise.
    @Test(arguments: [
        (false, "https://acme.example/token", true), (false, "https://acme.example/other", false),
        (true, "https://acme.example/token", false),
    ])
    func discoveredEndpointsMustBePublic(_ isAllowed: Bool, _ discovered: String, _ isPublic: Bool) throws {
        let provider = Provider.sample.with {
            $0.allowsPrivateAddresses = isAllowed
            $0.discovered = [ID(discovered)]
        }
        #expect(try onlyRequest(of: refreshStep(provider)).publicAddressesOnly == isPublic)
    }

    @Test(arguments: [
        Provider.sample.with { $0.tokenURL = nil },
        Provider.sample.with { $0.tokenURL = "http://acme.example/token" },
        Provider.sample.with { $0.tokenURL = "https://user:pass@acme.example/token" },
        Provider.sample.with {
            $0.authMethod = .basic; $0.clientSecret = nil
        },
        Provider.sample.with {
            $0.bodyFormat = .json; $0.authMethod = .post; $0.clientSecret = Secret([0xFF])
        },
    ])
    func settingsThatCannotWorkSendNothing(_ provider: Provider) throws {
        let result = try run(refreshStep(provider)) { _ in throw UnexpectedStep() }
        let failure = #expect(throws: TokenFailure.self) { try result.get() }
        #expect(failure?.kind == .misconfigured)
    }

    @Test func nothingSecretIsPrinted() throws {
        let step = refreshStep(.sample.with { $0.authMethod = .post })
        var shown = ""
        dump(step, to: &shown)
        dump(try onlyRequest(of: step), to: &shown)
        #expect(!shown.contains("s3cr3t-value"))
        #expect(!shown.contains("refresh-token-1"))
    }
}

private func base64(_ secret: Secret) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    let bytes = Array(text(secret).utf8)
    var encoded = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
        for place in 0..<4 {
            encoded.append(place <= group.count ? digits[bits >> (18 - 6 * place) & 63] : "=")
        }
    }
    return encoded
}
