import Glibc

/// Times as the library counts them, in seconds since 1970.
enum Time {
    static var now: Int { time(nil) }

    /// `2026-11-27T04:16:08Z`
    static func text(_ seconds: Int) -> String {
        var time = time_t(seconds)
        var parts = tm()
        var buffer = [CChar](repeating: 0, count: 64)
        guard gmtime_r(&time, &parts) != nil else { return "\(seconds)" }
        let count = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
