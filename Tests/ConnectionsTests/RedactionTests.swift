import Foundation
import JSON
import Runtime
import Testing

@testable import Connections

@Suite struct RedactionTests {
    private let redaction = Redaction([.string("hunter22"), .string("abc"), .string("e")], [Secret("K2key")])

    @Test func whatHoldsASecretIsWithheld() {
        for text in [
            "hunter22", "no hunter22", "K2key!", "hunt\u{0}er hunter22", String(repeating: "x", count: 500) + "K2key",
            String(repeating: "é", count: 500) + "K2key", "HUNTER22", "no abc here", "abc", "YWJj", "616263",
            "%61%62%63", "Basic YzphYmM=",
        ] {
            #expect(redaction.clean(.string(text)) == "(withheld: it repeats a secret)")
        }
    }

    @Test func otherWordsStayAsTheyAre() {
        #expect(redaction.clean(.string("token not found: größe 東京")) == "token not found: größe 東京")
        #expect(redaction.clean(.string("abcd hunter2 K2ke e")) == "abcd hunter2 K2ke e")
    }

    @Test func controlsBecomeSpacesAndLengthIsBounded() {
        #expect(redaction.clean(.string("a\r\nb\u{7F}\u{202E}\u{2028}c")) == "a  b   c")
        #expect(redaction.clean(.string("abcdef"), maxCharacters: 3) == "abc")
    }

    @Test func whatIsNoTextIsNothing() {
        #expect(redaction.clean(nil) == nil)
        #expect(redaction.clean(.string("")) == nil)
        #expect(redaction.clean(.integer(7)) == nil)
    }

    @Test func secretsAreFoundAtAnyDepth() throws {
        let fields = [
            Field("a", .secret, ""), Field("b", .string(), ""),
            Field("c", .object(ObjectType("C", "", [Field("d", .clearableSecret, "")])), ""),
            Field("e", .objects(ObjectType("E", "", [Field("f", .secret, "")])), ""),
        ]
        let object = try JSON.parse(#"{"a":"1","b":"2","c":{"d":"3"},"e":[{"f":"4"},{"f":null},{"f":"5"}]}"#)
        #expect(Field.secrets(in: object, fields).compactMap(\.string) == ["1", "3", "4", "5"])
    }

    // MARK: - Encodings

    /// Secrets of every kind, with all that encodings make a difference of.
    private static let secrets = [
        "s3cr3t/with+slash==", "1//0gAbC/dEf+GhI=jKl", "plain-secret", "p?w0", #"quo"te\and&<amp> 'x'"#,
        "zürich-größe-東京-key",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1In0.c2lnbmF0dXJl", "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    ]

    private static func percent(_ text: String, upper: Bool = true, all: Bool = false) -> String {
        text.utf8.map { byte in
            let isPlain =
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
            if isPlain, !all { return String(UnicodeScalar(byte)) }
            return "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: upper)
        }.joined()
    }

    private static func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

    private static func base64URL(_ text: String) -> String {
        base64(text).replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    private static func hex(_ text: String, upper: Bool = false) -> String {
        text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: upper) }.joined()
    }

    private static func escaped(_ text: String, _ escape: (UInt16) -> String) -> String {
        text.utf16.map(escape).joined()
    }

    private static func four(_ unit: UInt16) -> String {
        String(repeating: "0", count: 4 - String(unit, radix: 16).count) + String(unit, radix: 16)
    }

    private static func octal(_ text: String, all: Bool = true, _ digits: (UInt8) -> String) -> String {
        text.utf8.map { byte in
            let isPlain = (0x20..<0x7F).contains(byte) && byte != UInt8(ascii: #"\"#)
            return isPlain && !all ? String(UnicodeScalar(byte)) : #"\"# + digits(byte)
        }.joined()
    }

    private static func three(_ byte: UInt8) -> String {
        String(repeating: "0", count: 3 - String(byte, radix: 8).count) + String(byte, radix: 8)
    }

    private static func eight(_ number: UInt32) -> String {
        String(repeating: "0", count: 8 - String(number, radix: 16).count) + String(number, radix: 16)
    }

    private static let encodings: [(name: String, encode: @Sendable (String) -> String)] = [
        ("as it is", { $0 }),
        ("in capitals", { $0.uppercased() }),
        ("percent", { percent($0) }),
        ("percent, lower case", { percent($0, upper: false) }),
        ("percent, every byte", { percent($0, all: true) }),
        ("percent, twice", { percent(percent($0)) }),
        ("percent, three times", { percent(percent(percent($0))) }),
        ("form", { percent($0).replacing("%20", with: "+") }),
        ("form, decoded where it was none", { $0.replacing("+", with: " ") }),
        ("base64", { base64($0) }),
        ("base64 without padding", { base64($0).replacing("=", with: "") }),
        ("base64url", { base64URL($0) }),
        ("base64, twice", { base64(base64($0)) }),
        ("base64, percent", { percent(base64($0)) }),
        ("base64 of the form", { base64(percent($0)) }),
        ("Basic", { "Authorization: Basic " + base64("client-p:" + $0) }),
        ("Basic of the form", { "Basic " + base64("client:" + percent($0)) }),
        ("Basic, percent", { percent("Basic " + base64("c:" + percent($0))) }),
        ("Bearer", { "Bearer " + $0 }),
        ("Bearer of a project", { "Bearer P2abc:" + $0 }),
        ("base64 in a longer text, 1", { base64("x" + $0 + "tail") }),
        ("base64 in a longer text, 2", { base64("xy" + $0 + "tail") }),
        ("base64 in a longer text, 3", { "prefix" + base64("xyz" + $0 + "tail") }),
        (
            "base64 in lines",
            { Data(("head of it " + $0 + $0).utf8).base64EncodedString(options: .lineLength76Characters) }
        ),
        ("JSON", { JSON.object(["v": .string($0)]).text }),
        ("JSON with escaped slashes", { JSON.string($0).text.replacing("/", with: #"\/"#) }),
        ("JSON in JSON", { JSON.strings([JSON.strings([$0]).text]).text }),
        ("JSON, every character", { escaped($0) { #"\u"# + four($0) } }),
        ("base64 of JSON", { base64(JSON.strings([$0]).text) }),
        ("a string of a program", { escaped($0) { #"\u{"# + String($0, radix: 16) + "}" } }),
        ("percent-u", { escaped($0) { "%u" + four($0) } }),
        ("bytes of a program", { percent($0, all: true).replacing("%", with: #"\x"#) }),
        ("bytes of a program, in octal digits", { octal($0) { three($0) } }),
        ("bytes of a program, in few octal digits", { octal($0) { String($0, radix: 8) } }),
        ("bytes of a program, octal, where they have to be", { octal($0, all: false) { three($0) } }),
        ("bytes of a shell", { octal($0) { "0" + three($0) } }),
        ("octal digits in braces", { $0.unicodeScalars.map { #"\o{"# + String($0.value, radix: 8) + "}" }.joined() }),
        (
            "hexadecimal digits in braces",
            { $0.unicodeScalars.map { #"\x{"# + String($0.value, radix: 16) + "}" }.joined() }
        ),
        ("eight digits", { $0.unicodeScalars.map { #"\U"# + eight($0.value) }.joined() }),
        ("JSON of octal digits", { JSON.string(octal($0) { three($0) }).text }),
        (
            "HTML",
            {
                $0.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
                    .replacing("\"", with: "&quot;").replacing("'", with: "&#39;").replacing("/", with: "&#x2F;")
            }
        ),
        ("HTML, every character", { $0.unicodeScalars.map { "&#\($0.value);" }.joined() }),
        ("hexadecimal", { hex($0) }),
        ("hexadecimal, upper case", { hex($0, upper: true) }),
        ("hexadecimal with colons", { "bad " + $0.utf8.map { String($0, radix: 16) }.joined(separator: ":") }),
        ("hexadecimal in a longer text", { hex("client:" + $0) }),
    ]

    @Test(arguments: encodings.map(\.name), secrets) func aSecretIsFoundInEveryEncoding(
        _ name: String, _ secret: String
    )
        throws
    {
        let encoding = try #require(Self.encodings.first { $0.name == name })
        let words = encoding.encode(secret)
        for redaction in [Redaction([.string(secret)]), Redaction([], [Secret(secret)])] {
            for place in [words, "cannot parse \(words) at all", "grant_type=x&client_secret=\(words)&scope=a"] {
                #expect(redaction.clean(place) == Redaction.withheld, "\(place)")
            }
        }
    }

    @Test(arguments: secrets.filter { $0.utf8.count >= 16 }) func apartOfASecretIsEnough(_ secret: String) {
        let redaction = Redaction([.string(secret)])
        for part in [secret.prefix(12), secret.suffix(12), secret.dropFirst(3).prefix(10)].map(String.init) {
            for words in [part, Self.percent(part), Self.base64("x" + part), Self.hex(part)] {
                #expect(redaction.clean("bad body: ...\(words)...") == Redaction.withheld, "\(words)")
            }
        }
    }

    @Test(arguments: [
        "AADSTS70000: The provided value for the input parameter 'refresh_token' is not valid. Trace ID: "
            + "5a4f2c1e-8d0b-4c3a-9e7f-0123456789ab Timestamp: 2026-11-25 22:12:52Z",
        "Token has been expired or revoked.", "The code passed is incorrect or expired: 100% sure \\ & done",
        "redirect_uri https%3A%2F%2Fapp.example%2Fcallback is not registered for client-p", "größe 東京 ¯\\_(ツ)_/¯",
        "see https://developer.example/docs/errors#invalid_grant (request id AbCdEfGhIjKlMnOp0123456789)",
    ]) func whatRepeatsNothingStaysReadable(_ words: String) {
        let redaction = Redaction(Self.secrets.map(JSON.string))
        #expect(redaction.clean(words) == words)
    }

    /// Neither a long text nor a long secret, as a server may choose them, makes a long search.
    @Test func longTextsAreSearchedAsFarAsTheyAreShown() {
        let secret = String((0..<65_536).map { UnicodeScalar(UInt8(33 + $0 * 7919 % 94)) }.map(Character.init))
        let filler = String(repeating: "x", count: 3_000)
        #expect(Redaction([.string(secret)]).clean(filler) == String(filler.prefix(512)))
        let begun = String(filler.prefix(500))
        #expect(Redaction([.string(secret)]).clean(begun + secret) == Redaction.withheld)
        #expect(Redaction([.string(secret)]).clean(filler + secret) == String(filler.prefix(512)))
        let beyond = String(repeating: "é", count: 4_000) + "hunter22"
        #expect(redaction.clean(beyond) == String(repeating: "é", count: 512))
    }

    @Test func anErrorKeepsWhatHoldsNoSecret() {
        var error = ConnError(.providerError, "no hunter22", field: "hunter22.x")
        error.errorCode = "invalid_grant"
        error.errorDescription = Self.base64("hunter22")
        error.appID = "crm"
        let clean = redaction.clean(error)
        #expect(clean.message == Redaction.withheld)
        #expect(clean.field == nil)
        #expect(clean.errorCode == "invalid_grant")
        #expect(clean.errorDescription == Redaction.withheld)
        #expect(clean.appID == "crm")
    }

    // MARK: - The log

    @Test(arguments: [
        ("see https://u:p@h.example:8/p/q?code=1#f now", "see https://h.example:8/p/q now"),
        ("https://h/a?x=https://u:p@i/b,c d", "https://h/a d"),
        ("https://h/a,https://u:p@i/b?c", "https://h/a,https://i/b"),
        ("\"https://h?a\" <myapp://x#y> what? #1", "\"https://h\" <myapp://x> what? #1"), ("a://", "a://"), ("", ""),
        ("https://a@b@c/d\nhttps://e/f?g", "https://c/d\nhttps://e/f"), ("größe://ö?ü", "größe://ö"),
    ]) func aLineHoldsNoMoreOfAURLThanItsOriginAndPath(_ line: String, _ clean: String) {
        #expect(Log.withoutQueries(line) == clean)
    }
}
