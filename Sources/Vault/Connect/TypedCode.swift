internal import JSON

/// A code of six digits, as a user, a client or a model has typed it.
struct TypedCode {
    let digits: String

    /// - Parameter number: has lost the zeros that its code began with.
    init(_ number: some FixedWidthInteger) {
        let digits = String(number)
        self.digits = String(repeating: "0", count: max(0, 6 - digits.utf8.count)) + digits
    }

    private init(digits: String) { self.digits = digits }

    /// - Parameter typed: a text, however its digits are parted, or the number that they are. Anything else has none.
    init(_ typed: JSON) {
        if let number = typed.integer ?? typed.number.flatMap({ Int64(exactly: $0) }) {
            self.init(number)
        } else {
            self.init(digits: String((typed.string ?? "").unicodeScalars.compactMap(Self.digit).map(Character.init)))
        }
    }

    /// The ASCII digit of a decimal digit of any script: some keyboards type none but their own.
    private static func digit(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
        guard scalar.properties.numericType == .decimal, let value = scalar.properties.numericValue else { return nil }
        return Unicode.Scalar(UInt8(ascii: "0") + UInt8(value))
    }
}
