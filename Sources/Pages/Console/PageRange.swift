/// Which of many records a page of the console shows, where all of them are at hand.
struct PageRange {
    /// From 1.
    let number: Int
    let last: Int
    let count: Int

    private static let size = PagesBackend.consolePageSize

    /// - Parameter wanted: the number as a URL has it. Beyond the last page there is the last one.
    init(count: Int, wanted: String?) {
        self.count = count
        last = max(1, (count + Self.size - 1) / Self.size)
        number = min(max(wanted.flatMap { Int($0) } ?? 1, 1), last)
    }

    var range: Range<Int> { (number - 1) * Self.size..<min(number * Self.size, count) }

    /// Which they are, and the ways to those before and after.
    func blocks(_ path: StaticString, _ parameters: [(String, String)], _ visit: Visit) -> [Page.Block] {
        let values: KeyValuePairs<StaticString, String> = [
            "first": String(range.lowerBound + 1), "last": String(range.upperBound), "count": String(count),
        ]
        let url: (Int) -> String? = { page in
            (1...last).contains(page) ? visit.mount.url(path, parameters + [("page", String(page))]) : nil
        }
        return [.paragraph(visit.texts(.consoleRange, values))]
            + visit.pager([(.consolePrevious, url(number - 1)), (.consoleNext, url(number + 1))])
    }
}

/// What is looked for in names and ids, whatever the case of its letters.
struct SearchText {
    private let bytes: [UInt8]

    init(_ text: String?) { bytes = Self.folded(text ?? "") }

    func isIn(_ texts: String...) -> Bool {
        bytes.isEmpty
            || texts.contains { text in
                var rest = Self.folded(text)[...]
                while rest.count >= bytes.count {
                    if rest.starts(with: bytes) { return true }
                    rest.removeFirst()
                }
                return false
            }
    }

    static func folded(_ text: String) -> [UInt8] { Array(text.lowercased().utf8) }
}
