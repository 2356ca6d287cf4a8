internal import Connections

/// Which of many records a page of the console shows, where those of a block are at hand.
struct PageRange {
    /// Records are read, and put into their order, so many at a time, however many there are.
    static let blockSize = 1000

    /// From 1.
    let number: Int
    let last: Int
    let count: Int
    /// Where the block after this one begins; nil when there is none.
    private let next: String?
    /// Where this one begins.
    private let after: String?

    private static let size = PagesBackend.consolePageSize

    /// Beyond the last page that the visit may ask for there is the last one.
    init(count: Int, next: String? = nil, _ visit: Visit) {
        self.count = count
        self.next = next
        after = visit.query["after"]
        last = max(1, (count + Self.size - 1) / Self.size)
        number = min(max(visit.query["page"].flatMap { Int($0) } ?? 1, 1), last)
    }

    var range: Range<Int> { (number - 1) * Self.size..<min(number * Self.size, count) }

    /// There is nothing but this page.
    var isOnlyOne: Bool { last == 1 && !isOfMany }

    /// There are more than those at hand.
    private var isOfMany: Bool { next != nil || after != nil }

    /// Which they are, and the ways to those before and after.
    func blocks(_ path: StaticString, _ parameters: [(String, String)], _ visit: Visit) -> [Page.Block] {
        let values: KeyValuePairs<StaticString, String> = [
            "first": String(range.lowerBound + 1), "last": String(range.upperBound), "count": String(count),
        ]
        let here = parameters + (after.map { [("after", $0)] } ?? [])
        let url: (Int) -> String? = { page in
            (1...last).contains(page) ? visit.mount.url(path, here + [("page", String(page))]) : nil
        }
        let block = next.map { visit.mount.url(path, parameters + [("after", $0)]) }
        var blocks = visit.pager([(.consolePrevious, url(number - 1)), (.consoleNext, url(number + 1) ?? block)])
        if count > 0 { blocks.insert(.paragraph(visit.texts(.consoleRange, values)), at: 0) }
        if isOfMany { blocks.append(.quiet(visit.texts(.consoleMany, ["count": String(Self.blockSize)]))) }
        return blocks
    }
}

/// What is looked for in names and ids, whatever the case of its letters.
struct SearchText {
    private let bytes: [UInt8]

    init(_ text: String?) { bytes = Self.folded(text ?? "") }

    /// Nothing is looked for: everything fits.
    var isEmpty: Bool { bytes.isEmpty }

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
