/// The beginning of an HTTP request, as far as a callback needs it.
struct RequestHead: Equatable {
    var method: String
    var path: String
    var query: String
    var host: String?

    enum Reading: Equatable {
        case incomplete
        case malformed
        case whole(RequestHead)
    }

    /// The longest head that is read.
    static let limit = 32768

    /// Lines are split as bytes: to Swift's strings, a carriage return and a line feed are one character.
    static func read(_ bytes: [UInt8]) -> Reading {
        var lines: [String] = []
        var rest = bytes[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = rest[..<end].last == UInt8(ascii: "\r") ? rest[..<end].dropLast() : rest[..<end]
            rest = rest[(end + 1)...]
            if line.isEmpty { return lines.isEmpty ? .malformed : whole(lines) }
            lines.append(String(decoding: line, as: UTF8.self))
        }
        return bytes.count < limit ? .incomplete : .malformed
    }

    private static func whole(_ lines: [String]) -> Reading {
        let words = lines[0].split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, words[1].hasPrefix("/"), words[2].hasPrefix("HTTP/1.") else { return .malformed }
        let target = words[1].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let hosts = lines.dropFirst().filter { $0.lowercased().hasPrefix("host:") }
        guard hosts.count <= 1 else { return .malformed }
        return .whole(
            RequestHead(
                method: String(words[0]), path: String(target[0]), query: target.count > 1 ? String(target[1]) : "",
                host: hosts.first.map { String($0.dropFirst(5).filter { $0 != " " && $0 != "\t" }) }))
    }
}
