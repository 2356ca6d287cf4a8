import Connections
import JSON
import Memory
import Testing

@Suite struct RedactionTests {
    private let redaction = Redaction([.string("hunter22"), .string("abc")], [Secret("K2key")])

    @Test func whatHoldsASecretIsWithheld() {
        for text in [
            "hunter22", "no hunter22", "K2key!", "hunt\u{0}er hunter22", String(repeating: "x", count: 600) + "K2key",
        ] {
            #expect(redaction.clean(.string(text)) == "(withheld: it repeats a secret)")
        }
    }

    @Test func otherWordsStayAsTheyAre() {
        #expect(redaction.clean(.string("token not found: größe 東京")) == "token not found: größe 東京")
        #expect(redaction.clean(.string("abc hunter2 K2ke")) == "abc hunter2 K2ke")
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
            Field("c", .object([Field("d", .clearableSecret, "")]), ""),
            Field("e", .objects([Field("f", .secret, "")], maxCount: 9), ""),
        ]
        let object = try JSON.parse(#"{"a":"1","b":"2","c":{"d":"3"},"e":[{"f":"4"},{"f":null},{"f":"5"}]}"#)
        #expect(Field.secrets(in: object, fields).compactMap(\.string) == ["1", "3", "4", "5"])
    }
}
