internal import CPlatform
internal import Connections
internal import Glibc

/// A file that gets its name once it is whole.
final class BackupFile: Sendable {
    /// While it is written.
    let partialPath: String
    private let path: String
    /// Opened first: a name counts once the folder's fsync is through, and one that cannot be asked for is found out now.
    private let folder: Int32
    private let descriptor: Int32

    /// Makes it under another name beside its own.
    /// - Parameter path: absolute.
    init(_ path: String) throws(ConnError) {
        guard path.hasPrefix("/"), let slash = path.lastIndex(of: "/"), !path.hasSuffix("/") else {
            throw .invalid("path", "must be the absolute path of a file")
        }
        guard Inode(path) == nil else { throw Self.taken }
        self.path = path
        partialPath = path + "-" + String(UInt64.random(in: 0...UInt64.max), radix: 36) + ".partial"
        folder = dc_open(String(path[...slash]), O_RDONLY | O_CLOEXEC, 0)
        descriptor = folder < 0 ? -1 : dc_open(partialPath, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .invalid("path", "cannot be created: \(Self.reason)") }
    }

    /// What has not got its name is removed.
    deinit {
        Glibc.close(folder)
        Glibc.close(descriptor)
        unlink(partialPath)
    }

    /// Has the disk take what was written, some at a time, since nobody is heard while it does.
    /// - Returns: the file's size.
    func flush(_ context: CallContext) throws(ConnError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.failure }
        for start in stride(from: 0, to: Int(status.st_size), by: Self.flushedAtOnce) {
            try context.check()
            // What it fails with, fsync says too.
            dc_flush(descriptor, start, Self.flushedAtOnce)
        }
        try context.check()
        guard fsync(descriptor) == 0 else { throw Self.failure }
        return Int(status.st_size)
    }

    /// Gives it its name. When this throws, nothing stands under it.
    func finish() throws(ConnError) {
        guard dc_rename_new(partialPath, path) == 0 else { throw dc_errno() == EEXIST ? Self.taken : Self.failure }
        guard fsync(folder) == 0 else {
            let failure = Self.failure
            remove()
            throw failure
        }
    }

    /// Takes it away again.
    func remove() { unlink(path) }

    /// Bytes.
    private static let flushedAtOnce = 4 << 20

    private static var taken: ConnError { .invalid("path", "already exists") }
    private static var failure: ConnError { ConnError(.internal, "the backup cannot be written: \(reason)") }
    private static var reason: String { String(cString: strerror(dc_errno())) }
}
