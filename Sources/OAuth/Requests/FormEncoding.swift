/// Sends bytes as `application/x-www-form-urlencoded` (RFC 6749 appendix B): a space is +, and everything but RFC 3986's
/// unreserved characters is %XX.
func formEncode(_ bytes: UnsafeRawBufferPointer, to send: (UInt8) -> Void) {
    let digits: StaticString = "0123456789ABCDEF"
    for byte in bytes {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            send(byte)
        case UInt8(ascii: " "):
            send(UInt8(ascii: "+"))
        default:
            send(UInt8(ascii: "%"))
            send(digits.utf8Start[Int(byte >> 4)])
            send(digits.utf8Start[Int(byte & 15)])
        }
    }
}

func send(_ text: String, to send: (UInt8) -> Void) {
    for byte in text.utf8 { send(byte) }
}
