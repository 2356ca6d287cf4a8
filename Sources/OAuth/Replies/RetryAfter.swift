/// The Retry-After header (RFC 9110 section 10.2.3).
enum RetryAfter {
    /// Nobody waits longer for what a server says.
    static let maxMilliseconds = 86_400_000

    /// - Parameter now: by the server's clock, seconds since 1970.
    /// - Returns: from 0 to ``maxMilliseconds``; nil when the value is neither seconds nor a date.
    static func milliseconds(_ value: String, now: Int64) -> Int? {
        let text = value.trimmed
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return Int(text).map { min($0, maxMilliseconds / 1000) * 1000 } ?? maxMilliseconds
        }
        guard let date = date(text) else { return nil }
        return Int(min(max(0, date - now), Int64(maxMilliseconds / 1000))) * 1000
    }

    /// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`, the only form that is sent today.
    static func date(_ text: String) -> Int64? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[0].hasSuffix(","), parts[5] == "GMT" else { return nil }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let time = parts[4].split(separator: ":").compactMap { Int64($0) }
        guard let day = Int64(parts[1]), (1...31).contains(day), let month = months.firstIndex(of: String(parts[2])),
            let year = Int64(parts[3]), (1970...9999).contains(year), time.count == 3,
            (0...23).contains(time[0]), (0...59).contains(time[1]), (0...60).contains(time[2])
        else { return nil }
        let days = daysSince1970(year: year, month: Int64(month) + 1, day: day)
        return days * 86_400 + time[0] * 3600 + time[1] * 60 + time[2]
    }

    /// Of the Gregorian calendar. Years are counted from March, so that the leap day comes last.
    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let marchYear = month > 2 ? year : year - 1
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return marchYear * 365 + marchYear / 4 - marchYear / 100 + marchYear / 400 + dayOfYear - 719_468
    }
}
