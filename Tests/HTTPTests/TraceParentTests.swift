import HTTP
import Testing

/// Which `traceparent` headers are passed on.
@Suite struct TraceParentTests {
    private static let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func aValidOneIsPassedOnAsItIs() {
        #expect(TraceParent(Self.valid)?.text == Self.valid)
        #expect(TraceParent(String(Self.valid.dropLast()) + "0")?.text.suffix(2) == "00")
    }

    /// "If a higher version is detected, the implementation SHOULD try to parse it": section 4.2.3.
    @Test(arguments: ["", "-", "-more", "-what-the-future-brings"])
    func aLaterVersionIsTakenForWhatAllHave(_ rest: String) {
        #expect(TraceParent("01" + Self.valid.dropFirst(2) + rest)?.text == Self.valid)
    }

    @Test(arguments: [
        "", "00", "not a trace", valid + "-", valid + "-more", valid + "0", String(valid.dropLast()), " " + valid,
        "ff" + valid.dropFirst(2), "0-0" + valid.dropFirst(3), valid.uppercased(),
        valid.replacing("4bf92f3577b34da6a3ce929d0e0e4736", with: String(repeating: "0", count: 32)),
        valid.replacing("00f067aa0ba902b7", with: String(repeating: "0", count: 16)),
        valid.replacing("4bf9", with: "4bg9"), valid.replacing("4bf9", with: "4b\r\n"),
        valid.replacing("4bf92f", with: "4bf9-f"), "01" + valid.dropFirst(2) + "more",
    ])
    func anyOtherIsNot(_ text: String) { #expect(TraceParent(text) == nil) }
}
