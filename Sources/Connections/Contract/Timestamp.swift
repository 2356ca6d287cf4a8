package import JSON

/// Moments as servers write them, in seconds since 1970, UTC.
package enum Timestamp {
    /// The last second of the year 9999. What is later is no moment, but milliseconds or a mistake.
    private static let limit: Int64 = 253_402_300_799

    /// Reads a number, a string of decimal digits (protobuf's JSON form of int64) or an RFC 3339 string.
    /// - Returns: nil when the moment is unknown: null, "", 0, or anything else.
    package static func read(_ value: JSON?) -> Int64? {
        guard let value else { return nil }
        let seconds: Int64? =
            switch value.kind {
            case .integer: value.integer
            case .real: value.number.flatMap { Int64(exactly: $0.rounded(.down)) }
            case .string: value.withStringBytes { parse($0) } ?? nil
            default: nil
            }
        guard let seconds, (1...limit).contains(seconds) else { return nil }
        return seconds
    }

    private static func parse(_ text: UnsafeRawBufferPointer) -> Int64? {
        var rest = text.drop { $0 == 0x20 }
        while rest.last == 0x20 { rest = rest.dropLast() }
        let bytes = UnsafeRawBufferPointer(rebasing: rest)
        var scanner = Scanner(rest: bytes[...])
        if let number = scanner.number(digits: bytes.count) { return number }
        return rfc3339(bytes)
    }

    /// RFC 3339 section 5.6, also with a space between date and time, fractions dropped. Nil for dates and times that are
    /// not there, such as February 30.
    private static func rfc3339(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        var scanner = Scanner(rest: bytes[...])
        guard let year = scanner.number(digits: 4), scanner.take("-"),
            let month = scanner.number(digits: 2), (1...12).contains(month), scanner.take("-"),
            let day = scanner.number(digits: 2), (1...daysIn(month, of: year)).contains(day), scanner.take("Tt "),
            let hour = scanner.number(digits: 2), hour < 24, scanner.take(":"),
            let minute = scanner.number(digits: 2), minute < 60, scanner.take(":"),
            let second = scanner.number(digits: 2), second <= 60  // 60 is a leap second
        else { return nil }
        if scanner.take(".") {
            guard scanner.skipDigits() > 0 else { return nil }
        }
        guard let offset = scanner.offset(), scanner.rest.isEmpty else { return nil }
        return daysSince1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset
    }

    private static func isLeap(_ year: Int64) -> Bool {
        year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
    }

    private static func daysIn(_ month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Of the Gregorian calendar, for the years 0 to 9999.
    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let past = year - 1
        let leapDays = year == 0 ? 0 : past / 4 - past / 100 + past / 400 + 1  // the year 0 is a leap year
        let wholeYears = year * 365 + leapDays
        let wholeMonths = (1..<month).reduce(0) { $0 + daysIn($1, of: year) }
        let daysTo1970: Int64 = 719_528  // from January 1 of the year 0
        return wholeYears + wholeMonths + day - 1 - daysTo1970
    }
}

/// Takes ASCII text apart from its front.
private struct Scanner {
    var rest: Slice<UnsafeRawBufferPointer>

    mutating func take(_ oneOf: StaticString) -> Bool {
        guard let byte = rest.first, oneOf.withUTF8Buffer({ $0.contains(byte) }) else { return false }
        rest = rest.dropFirst()
        return true
    }

    /// Exactly so many digits; none are taken otherwise, or when the number is too large.
    mutating func number(digits: Int) -> Int64? {
        guard digits > 0, rest.count >= digits else { return nil }
        var number: Int64 = 0
        for byte in rest.prefix(digits) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let (product, productOverflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, sumOverflow) = product.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
            guard !productOverflow, !sumOverflow else { return nil }
            number = sum
        }
        rest = rest.dropFirst(digits)
        return number
    }

    /// - Returns: how many there were.
    mutating func skipDigits() -> Int {
        let count = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
        rest = rest.dropFirst(count)
        return count
    }

    /// `Z` or `+hh:mm`, in seconds east of UTC.
    mutating func offset() -> Int64? {
        if take("Zz") { return 0 }
        let isEast = take("+")
        guard isEast || take("-"), let hours = number(digits: 2), hours < 24, take(":"),
            let minutes = number(digits: 2), minutes < 60
        else { return nil }
        return (hours * 3600 + minutes * 60) * (isEast ? 1 : -1)
    }
}
