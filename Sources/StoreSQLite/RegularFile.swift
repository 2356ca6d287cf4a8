internal import CPlatform
internal import Glibc

/// What a path has to lead to before it is opened. A pipe keeps whoever opens it waiting for somebody at its other end, and a
/// device may do something when it is opened.
enum RegularFile {
    /// Whether there is something else. Whether there is anything is not asked.
    static func isNone(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && dc_is_file(status.st_mode) == 0
    }

    /// Opens it for reading, also if something else is put in its place meanwhile.
    /// - Returns: nil when it cannot be read or is something else.
    static func open(_ path: String) -> Int32? {
        let descriptor = dc_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        guard fstat(descriptor, &status) == 0, dc_is_file(status.st_mode) != 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }
}
