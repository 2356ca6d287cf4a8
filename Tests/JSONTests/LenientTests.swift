import Runtime
import Testing

@testable import JSON

@Suite struct LenientTests {
    private func read(_ text: String) throws -> LenientJSON { try read(Array(text.utf8)) }

    private func read(_ bytes: [UInt8]) throws -> LenientJSON {
        try bytes.withUnsafeBytes { (bytes) throws(JSONError) in try JSON.parseLeniently(bytes) }
    }

    private func bytes(_ before: String, _ middle: [UInt8], _ after: String) -> [UInt8] {
        Array(before.utf8) + middle + Array(after.utf8)
    }

    @Test(arguments: [
        "{}", "[]", #"{"a":1,"b":[true,false,null,-0.5,"\u00e9\ud83d\ude00\"\\/\b\f\n\r\t"]}"#,
        #"{"b":{"a":{"c":[]}}}"#,
    ]) func whatIsWholeIsReadAsBefore(_ text: String) throws {
        let strict = try JSON.parse(text)
        #expect(try read(text).value.text == strict.text)
        // and the other reader agrees
        #expect(try read("\u{FEFF}\(text)\0 ").value.text == strict.text)
        #expect(try read("\u{FEFF}\(text)").replaced.isEmpty)
    }

    /// What is wrong is in a member that nobody needs: the one that is needed is read.
    @Test(arguments: [
        ("18446744073709551616", "1.8446744073709552e19"), ("-9223372036854775809", "-9.2233720368547758e18"),
        ("1e999", "1.7976931348623157e308"), ("-1E+999", "-1.7976931348623157e308"),
        (String(repeating: "9", count: 400), "1.7976931348623157e308"),
        ("NaN", "null"), ("-Infinity", "null"), ("undefined", "null"), ("None", "null"), ("0x10", "null"),
        ("007", "7"), ("+5", "5"), ("1.2.3", "null"), (String(repeating: "9", count: 5000), "null"),
        (#""\ud800""#, "\"\u{FFFD}\""), (#""\udc00""#, "\"\u{FFFD}\""), (#""\ud800\ud800""#, "\"\u{FFFD}\u{FFFD}\""),
        (#""\ud800x""#, "\"\u{FFFD}x\""), (#""\ud800\n""#, "\"\u{FFFD}\\n\""),
        (#""\ud83d\ude00\ud83d""#, "\"😀\u{FFFD}\""),
        (#""\u0000""#, "\"\u{FFFD}\""), (#""a\u00zz""#, "\"a\u{FFFD}00zz\""), (#""\x41""#, "\"\u{FFFD}41\""),
        ("\"a\nb\tc\"", #""a\nb\tc""#), ("\"a\0b\"", "\"a\u{FFFD}b\""), ("[1,2,]", "[1,2]"),
        (#"{"c":1,}"#, #"{"c":1}"#),
        (#"{"c":1,"c":2}"#, #"{"c":2}"#), (#"{"c":1,"c":null}"#, #"{"c":1}"#), (#"{"c":null,"c":1}"#, #"{"c":1}"#),
    ])
    func aMemberThatIsWrongCostsItselfAtMost(_ value: String, _ expected: String) throws {
        let text = #"{"needed":"n","other":\#(value),"last":5}"#
        #expect(throws: JSONError.self) { try JSON.parse(text) }
        let read = try read(text).value
        let plain = #"{"needed":"n","other":\#(expected),"last":5}"#
        #expect(try read.equals(JSON.parse(plain)), "\(read.text)")
    }

    @Test(
        arguments: [
            ([0xE9], "\u{FFFD}"), ([0x4A, 0xE9, 0x21], "J\u{FFFD}!"), ([0xC0, 0x80], "\u{FFFD}\u{FFFD}"),
            ([0xC3], "\u{FFFD}"),
            ([0xED, 0xA0, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}"), ([0xF0, 0x9F, 0x98, 0x80, 0xFF], "😀\u{FFFD}"),
            ([0], "\u{FFFD}"),
        ] as [([UInt8], String)])
    func bytesThatAreNoText(_ middle: [UInt8], _ expected: String) throws {
        let value = try read(bytes(#"{"needed":"n","other":""#, middle, #""}"#)).value
        #expect(value["needed"]?.string == "n")
        #expect(value["other"]?.string.map { Array($0.utf8) } == Array(expected.utf8))
        let named = try read(bytes(#"{"needed":"n",""#, middle, #"":1}"#)).value
        #expect(named["needed"]?.string == "n")
        #expect(named.members.last.map { Array($0.key.utf8) } == Array(expected.utf8))
    }

    @Test func whatGaveWayIsTold() throws {
        let read = try read(#"{"a":"1","b":{"c":["x",{"a":1,"a":2}],"d":1,"d":1},"a":"2","a":null}"#)
        #expect(read.value.text == #"{"a":"2","b":{"c":["x",{"a":2}],"d":1}}"#)
        #expect(read.replaced.map { ($0.parent + [$0.name]).joined(separator: ".") } == ["b.c.1.a", "a"])
        #expect(read.replaced.map(\.value.text.count) == [1, 3])
        let many = (0..<300).map { #""a":\#($0)"# }.joined(separator: ",")
        let crowd = try self.read("{\(many)}")
        #expect(crowd.value.text == #"{"a":299}"#)
        #expect(crowd.replaced.count == 299)
    }

    @Test func whatIsNestedTooDeepIsPassedOver() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: #"[{"}]":"#, count: depth) + #""]}\"""# + String(repeating: "}]", count: depth)
        }
        for depth in [8, 16, 40, 100_000] {
            let value = try read(#"{"deep":\#(nested(depth)),"needed":"n","needed":"n"}"#).value
            #expect(value["needed"]?.string == "n")
            #expect(try JSON.parse(value.text).equals(value))
        }
    }

    @Test(arguments: [
        "", " ", "\u{FEFF}", "{", "[", #"{"a"#, #"{"a""#, #"{"a":"#, #"{"a":1"#, #"{"a":1,"#, #"{"a":"b"#, #"{"a":"b\"#,
        #"{"a":[1"#, "nonsense", "1", #""text""#, "null", "{}{}", "[] x", "{'a':1}", "{a:1}", "{,}", "[,]", "[1 2]",
        #"{"a" 1}"#, #"{"a":}"#, #"{"a":1 "b":2}"#, "// c\n{}", #"{"a":"b"c"}"#, "}", #"{"a":"b"}x"#,
        "\u{FEFF}\u{FEFF}{}",
        String(repeating: "[", count: 100_000), String(repeating: #"{"a":"#, count: 100_000),
    ]) func whatIsCutOffOrNoJSONIsAnError(_ text: String) { #expect(throws: JSONError.self) { try read(text) } }

    @Test func anErrorNeverSaysWhatStandsThere() {
        for text in [#"{"a":"hunter2""#, #"{"a":"hunter2","a":"hunter2"} hunter2"#, #"{"a":hunter2 hunter2}"#] {
            let error = #expect(throws: JSONError.self) { try read(text) }
            #expect(error.map { !"\($0) \($0.message)".contains("hunter2") } == true)
        }
    }

    /// Every byte of a text may be any other, and the text end anywhere: it is read or refused, and what was read can be
    /// written and read again.
    @Test func manyMutations() throws {
        let good = Array(#"{"t":"fe\u0000tch","s":["a",1e999,],"n":-1.5e3,"t":{"u":"\u00e9\ud83d\ude00"}}"#.utf8)
        for index in good.indices {
            for byte: UInt8 in [0, 0x22, 0x2C, 0x3A, 0x5C, 0x5B, 0x5D, 0x7B, 0x7D, 0x39, 0x80, 0xFF] {
                var bad = good
                bad[index] = byte
                for bytes in [bad, Array(bad[..<index])] {
                    guard let value = try? read(bytes).value else { continue }
                    #expect(try JSON.parse(value.text).equals(value))
                }
            }
        }
    }
}
