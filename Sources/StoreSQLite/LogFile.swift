internal import Connections
internal import Glibc

/// SQLite's log beside a database, as bytes.
///
/// SQLite applies a log to whatever database it stands beside. When a copy is put in a database's place and the log is left,
/// that makes one out of two, and takes whole pages of either for the other's. The marks tell: each commit writes one,
/// so the first in the log says what had to be in the file when the log was begun.
enum LogFile {
    private static let headerBytes = 32
    private static let frameHeaderBytes = 24

    /// - Throws: `internal` when the log beside the connection's database belongs to another one, or to another state of it.
    ///   Nothing has been written then.
    static func check(beside connection: SQLiteConnection) throws(ConnError) {
        // Others may be at work with both; what belongs together is found to do so once it is seen at one moment.
        for _ in 0..<5 {
            var fits = false
            // While this reads from the log, nobody begins it anew.
            try connection.transaction("BEGIN") { (connection) throws(ConnError) in
                guard try SQLiteFormat.hasMark(connection) else { return fits = true }
                let all = try SQLiteFormat.mark(connection)
                guard let first = firstMark(connection.path + "-wal") else { return fits = true }
                let page = try SQLiteFormat.markPage(connection)
                guard let base = mark(inFile: connection.path, page) else { return fits = true }
                fits = first.id == base.id && all.id == base.id && first.before <= base.last && base.last <= all.last
            }
            if fits { return }
        }
        throw ConnError(
            .internal,
            """
            the -wal file beside the vault's database belongs to another database, or to an earlier or later state of it; \
            put back the file that it belongs to, or remove the -wal and the -shm file to have the database as it is
            """)
    }

    /// The first mark that is in the log; nil when there is no log, or none of it is a vault's.
    private static func firstMark(_ path: String) -> Mark? {
        guard let descriptor = RegularFile.open(path) else { return nil }
        defer { Glibc.close(descriptor) }
        guard let header = read(descriptor, headerBytes, at: 0) else { return nil }
        let pageBytes = header[8..<12].reduce(0) { $0 << 8 | Int($1) }
        guard (512...65536).contains(pageBytes) else { return nil }
        var offset = headerBytes
        while let frame = read(descriptor, frameHeaderBytes + pageBytes, at: offset),
            frame[8..<16] == header[16..<24]  // or it is left of an earlier log
        {
            if let mark = Mark(foundIn: frame[frameHeaderBytes...]) { return mark }
            offset += frame.count
        }
        return nil
    }

    /// The mark in a database's file, whatever its log says. Not read through SQLite: while pages are copied from the log,
    /// and after a copy that a full disk has stopped, the file alone is no whole database.
    /// - Parameter place: where a file that belongs to the log has it.
    /// - Returns: nil when the file has none.
    private static func mark(inFile path: String, _ place: (number: Int, bytes: Int)) -> Mark? {
        guard let descriptor = RegularFile.open(path) else { return nil }
        defer { Glibc.close(descriptor) }
        func mark(_ number: Int) -> Mark?? {
            read(descriptor, place.bytes, at: (number - 1) * place.bytes).map { Mark(foundIn: $0[...]) }
        }
        if case let found?? = mark(place.number) { return found }
        var number = 1
        while let found = mark(number) {
            if let found { return found }
            number += 1
        }
        return nil
    }

    /// - Returns: nil when the file has fewer.
    private static func read(_ descriptor: Int32, _ count: Int, at offset: Int) -> [UInt8]? {
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, read in
            read = max(0, pread(descriptor, buffer.baseAddress, count, offset))
        }
        return bytes.count == count ? bytes : nil
    }
}
