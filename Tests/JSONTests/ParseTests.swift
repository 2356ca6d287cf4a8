import Runtime
import Testing

@testable import JSON

@Suite struct ParseTests {
    private func problem(_ text: String) -> JSONError? { problem(Array(text.utf8)) }

    private func problem(_ bytes: [UInt8]) -> JSONError? {
        bytes.withUnsafeBytes { bytes in
            do throws(JSONError) {
                _ = try JSON.parse(bytes)
                return nil
            } catch {
                return error
            }
        }
    }

    @Test(arguments: [
        "{}", "[]", "{\"a\":1}", "[1,-2,0.5,true,false,null,\"\"]", "{\"ü\":\"\u{1F600}\"}",
        "{\"a\":{\"b\":[{\"c\":\"\\\"\\\\[{\"}]}}", "[9223372036854775807,-9223372036854775808]",
        "{\"z\":1,\"a\":2}",
    ]) func roundTrips(_ text: String) throws {
        let value = try JSON.parse(text)
        #expect(value.text == text)
        #expect(value.secret.withBytes { String(decoding: $0, as: UTF8.self) } == text)
        #expect(try JSON.parse(value.text).equals(value))
    }

    @Test func escapes() throws {
        let value = try JSON.parse(#"{"a":"\u00fc\ud83d\ude00\n\t\/"}"#)
        #expect(value["a"]?.string == "ü\u{1F600}\n\t/")
        #expect(value.text == #"{"a":"ü😀\n\t/"}"#)
    }

    @Test(arguments: [
        "", " ", "{", "[", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "[1", "[\"", "[\"\\", "[tru", "{\"a\":\"b",
    ]) func truncated(_ text: String) { #expect(problem(text) != nil) }

    @Test(arguments: [
        "nonsense", "1", "\"text\"", "null", "true", "{}{}", "[] x", "{'a':1}", "{a:1}", "[1,]", "{\"a\":1,}", "[01]",
        "[+1]", "[.5]", "[NaN]", "[Infinity]", "[0x1]", "// c\n{}", "[\"\n\"]", "[\"\\x\"]", "[\"\\ud800\"]",
        "\u{FEFF}{}",
    ]) func notJSON(_ text: String) { #expect(problem(text) != nil) }

    @Test(arguments: ["[9223372036854775808]", "[-9223372036854775809]", "[1e999]", "[-1e999]"])
    func numbersOutOfRange(_ text: String) { #expect(problem(text)?.problem == "a number is out of range") }

    @Test func duplicates() {
        #expect(problem(#"{"first":1,"second":2,"first":3}"#)?.key == "first")
        #expect(problem(#"{"o":{"k":1,"k":1}}"#)?.key == "k")
        #expect(problem(#"{"k":1,"\u006b":2}"#)?.problem == "an object's key stands twice")
        #expect(problem(#"{"k" :1, "k"  :2}"#)?.key == "k")
    }

    @Test func textThatIsNotUTF8() {
        for bytes: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xC3], [0xF5, 0x80, 0x80, 0x80]] {
            #expect(problem([0x5B, 0x22] + bytes + [0x22, 0x5D]) != nil)
            #expect(problem([0x7B, 0x22] + bytes + [0x22, 0x3A, 0x31, 0x7D]) != nil)
        }
    }

    @Test func characterNUL() {
        #expect(problem(#"["\u0000"]"#)?.problem == "it holds a NUL character")
        #expect(problem(#"{"a\u0000b":1}"#) != nil)
        #expect(problem([0x5B, 0x22, 0, 0x22, 0x5D]) != nil)
        #expect(problem([0x7B, 0x7D, 0]) != nil)
    }

    @Test func depth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(problem(nested(JSON.maxDepth)) == nil)
        #expect(problem(nested(JSON.maxDepth + 1))?.offset == JSON.maxDepth)
        #expect(problem(nested(100_000))?.offset == JSON.maxDepth)
        #expect(problem(String(repeating: "{\"a\":", count: 100_000))?.problem.contains("deep") == true)
        // brackets in strings do not nest
        #expect(problem("[\"\(String(repeating: "[", count: 1000))\\\"[[\"]") == nil)
        // closing brackets do not buy depth
        #expect(problem(String(repeating: "]", count: 100) + nested(100)) != nil)
    }

    @Test func errorsSayWhereAndNeverWhat() {
        let secret = "hunter2-hunter2"
        for text in [
            "{\"a\":\"\(secret)\"", "{\"a\":\"\(secret)\" \"\(secret)\"}", "{\"a\":\(secret)}", "[\"\(secret)\\q\"]",
            "{\"a\":\"\(secret)\",\"a\":\"\(secret)\"}", "[\"\(secret)\"]\(secret)",
        ] {
            let error = problem(text)
            #expect(error.map { !"\($0) \($0.message)".contains("hunter2") } == true)
        }
        #expect(problem("[1,x]")?.offset == 4)
    }

    @Test func manyMutationsOfGoodText() {
        let good = Array(#"{"op":"fetch","scopes":["a","b"],"n":-1.5e3,"o":{"t":true,"u":"\u00e9\ud83d\ude00"}}"#.utf8)
        for index in good.indices {
            for byte: UInt8 in [0, 0x22, 0x5C, 0x5B, 0x7D, 0x39, 0x80, 0xFF] {
                var bad = good
                bad[index] = byte
                if let error = problem(bad) { #expect((0...bad.count).contains(error.offset)) }
            }
            #expect(problem(Array(good[..<index])) != nil)
        }
    }
}

@Suite struct ValueTests {
    @Test func reading() throws {
        let value = try JSON.parse(#"{"s":"x","i":5,"r":1.5,"t":true,"n":null,"a":["x","y"],"m":["x",1]}"#)
        #expect(value["s"]?.string == "x")
        #expect(value["i"]?.integer == 5)
        #expect(value["i"]?.number == 5)
        #expect(value["r"]?.integer == nil)
        #expect(value["r"]?.number == 1.5)
        #expect(value["t"]?.boolean == true)
        #expect(value["n"] == nil)
        #expect(value["missing"] == nil)
        #expect(value["a"]?.strings == ["x", "y"])
        #expect(value["m"]?.strings == nil)
        #expect(value["s"]?["x"] == nil)
        #expect(value["s"]?.integer == nil)
        #expect(value.members.map(\.key) == ["s", "i", "r", "t", "n", "a", "m"])
        #expect(value.string == nil)
        #expect(value.elements.isEmpty)
    }

    @Test func building() {
        let value = JSON.object(["a": .string(""), "b": nil, "c": .strings(["x"]), "d": .integer(Int64.min)])
        #expect(value.text == #"{"a":"","c":["x"],"d":-9223372036854775808}"#)
        let copy = value.shallowCopy()
        copy.set("e", .null)
        copy.remove("a")
        #expect(value.text == #"{"a":"","c":["x"],"d":-9223372036854775808}"#)
        #expect(copy.text == #"{"c":["x"],"d":-9223372036854775808,"e":null}"#)
        #expect([0xFF].withUnsafeBytes { JSON.string(bytes: $0) } == nil)
        #expect(JSON.string(bytes: UnsafeRawBufferPointer(start: nil, count: 0))?.string == "")
    }

    @Test func longTexts() throws {
        let long = String(repeating: "ü\"", count: 100_000)
        let value = JSON.object(["a": .string(long)])
        #expect(try JSON.parse(value.text)["a"]?.string == long)
    }

    @Test func aDescriptionTellsNothing() throws {
        let value = try JSON.parse(#"{"token":"hunter2"}"#)
        #expect("\(value) \(String(reflecting: value))".contains("hunter2") == false)
        var dumped = ""
        dump(value, to: &dumped)
        #expect(!dumped.contains("hunter2"))
    }
}
