import JSON
import Runtime
import Testing

@testable import OAuth

struct PKCETests {
    /// RFC 7636 appendix B.
    @Test func challengeOfTheRFC() {
        let verifier = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        #expect(PKCE.challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    }

    /// RFC 7636 section 4.1: 43 to 128 unreserved characters.
    @Test func verifiersAreLongAndDiffer() {
        let texts = (0..<100).map { _ in text(PKCE.verifier()) }
        #expect(Set(texts).count == 100)
        for text in texts {
            #expect((43...128).contains(text.utf8.count))
            #expect(text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-._~".contains($0)) })
        }
    }
}

/// What a test may see of a secret.
func text(_ secret: Secret?) -> String {
    secret?.withBytes { String(decoding: $0, as: UTF8.self) } ?? ""
}
