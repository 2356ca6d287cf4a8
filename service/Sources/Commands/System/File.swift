import Glibc

/// Files by their paths.
enum File {
    /// Reads a file that a user has named.
    static func read(_ path: String, limit: Int = 64 << 20) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { throw failure("cannot read \(path)", .last) }
        defer { close(descriptor) }
        do {
            return try Descriptor.read(descriptor, limit: limit)
        } catch {
            throw failure("cannot read \(path)", error)
        }
    }

    /// Makes a file that nobody but its owner can read, with this content on disk. Never replaces one.
    static func create(_ path: String, _ bytes: some Collection<UInt8>) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0o600)
        guard descriptor >= 0 else { throw failure("cannot make \(path)", .last) }
        defer { close(descriptor) }
        let failed = Descriptor.write(bytes, to: descriptor) ?? (fsync(descriptor) == 0 ? nil : .last)
        if let failed {
            unlink(path)
            throw failure("cannot write \(path)", failed)
        }
    }

    /// Makes a folder that nobody but its owner can enter, and those above it. One that exists stays as it is.
    static func makeFolder(_ path: String) throws {
        guard status(path) == nil else { return }
        let parent = folder(of: path)
        if parent != path { try makeFolder(parent) }
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("cannot make \(path)", .last) }
    }

    static func status(_ path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }

    static func exists(_ path: String) -> Bool { status(path) != nil }

    /// Whether there is certainly no such file; one in a folder that cannot be entered may be there.
    static func isMissing(_ path: String) -> Bool {
        status(path) == nil && [ENOENT, ENOTDIR].contains(errno)
    }

    static func remove(_ path: String) { unlink(path) }

    /// The path from the root; the library's own configuration takes no other.
    static func absolute(_ path: String) throws -> String {
        if path.hasPrefix("/") { return path }
        guard let current = getcwd(nil, 0) else { throw failure("cannot tell the current folder", .last) }
        defer { free(current) }
        return String(cString: current) + "/" + path
    }

    /// The folder that a path is in.
    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static let statuses: [Int32: ExitStatus] = [
        ENOENT: .notFound, ENOTDIR: .notFound, EEXIST: .conflict, EFBIG: .usage,
    ]

    static func failure(_ what: String, _ error: SystemError) -> Failure {
        Failure(statuses[error.code] ?? .failure, "\(what): \(error.words)")
    }
}
