internal import Connections
internal import Glibc
internal import Runtime

/// Which file a path leads to.
struct Inode: Hashable, Sendable {
    let device: UInt64
    let number: UInt64

    /// Nil when there is none.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        number = UInt64(status.st_ino)
    }
}

/// A folder, and when a name in it was last made, removed or given to another file. That is the time of its last change of
/// any kind: what unpacks an archive puts the time of its last modification back, but nobody can this one.
struct FolderState: Equatable, Sendable {
    private let inode: Inode
    private let seconds: Int
    private let nanoseconds: Int

    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        inode = Inode(status)
        seconds = status.st_ctim.tv_sec
        nanoseconds = status.st_ctim.tv_nsec
    }

    /// Whether a change from `now` on will have another time: the system's clock for files goes in steps of some
    /// milliseconds, and some file systems keep seconds alone.
    /// - Parameter now: seconds since 1970.
    func isSettled(_ now: Int) -> Bool { seconds + 1 < now }

    /// Seconds since 1970 by the clock that files' times are of.
    static var now: Int {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return now.tv_sec
    }
}

/// A database that this process has open, with what SQLite keeps beside it: its log and the log's index. While there is a
/// connection, none of them may become another file.
struct OpenFiles: Equatable, Sendable {
    /// Each with the path where it has to be.
    private let files: [Place]
    /// Nil when they may be in several.
    private let folder: String?
    private var database: Inode { files[0].inode }

    private struct Place: Equatable, Sendable {
        let path: String
        let inode: Inode
    }

    /// - Parameters:
    ///   - database: as it was named.
    ///   - resolved: as SQLite knows it.
    /// - Returns: nil when one of them is not there.
    init?(_ database: String, resolved: String) {
        var files: [Place] = []
        for path in [database, resolved + "-wal", resolved + "-shm"] {
            guard let inode = Inode(path) else { return nil }
            files.append(Place(path: path, inode: inode))
        }
        self.files = files
        // A link may lead to another folder, and change by itself.
        folder = database == resolved ? database.lastIndex(of: "/").map { String(database[...$0]) } : nil
    }

    /// Whether nobody has moved, replaced or removed one of them.
    var areInPlace: Bool { files.allSatisfy { Inode($0.path) == $0.inode } }

    /// The same, for a third of the price: whatever happens to a file's name, the folder is told.
    /// - Parameters:
    ///   - seen: the folder, when all were last found in place.
    ///   - now: before this is asked. Seconds since 1970.
    func areInPlace(_ seen: inout FolderState?, now: Int) -> Bool {
        guard let folder else { return areInPlace }
        let state = FolderState(folder)
        if let state, state == seen { return true }
        seen = nil
        guard areInPlace else { return false }
        if let state, state.isSettled(now) { seen = state }
        return true
    }

    // MARK: - Of the process

    private struct Entry {
        let files: OpenFiles
        var connections: Int
    }

    /// By the database. SQLite shares what it knows of a file among all of a process's connections to it, so that a new one
    /// must not find another log than those before.
    private static let entries = Monitor<[Inode: Entry]>([:])

    /// What the connections to this database have open; nil when there are none.
    static func known(_ database: Inode) -> OpenFiles? { entries.withLock { $0[database]?.files } }

    /// Counts a connection.
    /// - Returns: false when the others have something else open; then it is not counted.
    func join() -> Bool {
        Self.entries.withLock { entries in
            guard entries[database, default: Entry(files: self, connections: 0)].files == self else { return false }
            entries[database, default: Entry(files: self, connections: 0)].connections += 1
            return true
        }
    }

    /// Before the connection is closed: with the last one, SQLite removes what is beside the database.
    func leave() {
        Self.entries.withLock { entries in
            entries[database]?.connections -= 1
            if entries[database]?.connections == 0 { entries[database] = nil }
        }
    }
}
