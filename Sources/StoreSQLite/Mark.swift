/// The one row of the table `state`, which every commit writes: which file this is, and how far its versions have come.
///
/// Its bytes can be found in a page of the file or of SQLite's log without any of SQLite's structures.
struct Mark: Equatable, Sendable {
    private static let magic = Array("dcvtmark".utf8)
    private static let idBytes = 16
    private static let size = magic.count + idBytes + 16

    /// Random, made with the file.
    var id: [UInt8]
    /// The last version that was given before the latest commit, and after it: the next commit goes on from there.
    var before: Int64
    var last: Int64

    init(last: Int64) {
        id = Self.newID()
        before = last
        self.last = last
    }

    init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.size, bytes.starts(with: Self.magic) else { return nil }
        let rest = bytes.dropFirst(Self.magic.count)
        func number(_ bytes: some Sequence<UInt8>) -> Int64 { bytes.reduce(0) { $0 << 8 | Int64($1) } }
        id = Array(rest.prefix(Self.idBytes))
        before = number(rest.dropFirst(Self.idBytes).prefix(8))
        last = number(rest.suffix(8))
    }

    private static func newID() -> [UInt8] { (0..<idBytes).map { _ in .random(in: 0...255) } }

    /// Makes it the mark of another file.
    mutating func renew() { id = Self.newID() }

    /// Finds it in a page; nil when it is not there.
    init?(foundIn page: ArraySlice<UInt8>) {
        var rest = page
        while let start = rest.firstIndex(of: Self.magic[0]), page.endIndex - start >= Self.size {
            if let mark = Mark(page[start..<start + Self.size]) {
                self = mark
                return
            }
            rest = page[(start + 1)...]
        }
        return nil
    }

    var bytes: [UInt8] {
        func bytes(_ number: Int64) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }
        return Self.magic + id + bytes(before) + bytes(last)
    }
}
