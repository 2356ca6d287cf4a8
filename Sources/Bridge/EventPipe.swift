internal import CPlatform
internal import Glibc

/// A descriptor that is readable while answers wait to be taken. The bytes in it are hints: losing one loses nothing,
/// since whoever wakes up takes answers until there is none.
final class EventPipe: Sendable {
    let readEnd: Int32
    private let writeEnd: Int32

    /// - Returns: nil when the process has no descriptor left.
    init?() {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { return nil }
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    func signal() {
        var byte: UInt8 = 1
        // A full one is readable already.
        while send(writeEnd, &byte, 1, Int32(MSG_NOSIGNAL)) < 0, dc_errno() == EINTR {}
    }

    /// Whoever watches it sees its end, those with a duplicate too. A child that was forked meanwhile has both ends, so that
    /// closing ours alone would tell nobody.
    func end() { shutdown(writeEnd, Int32(SHUT_RDWR)) }

    func clear() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while true {
            let count = recv(readEnd, &bytes, bytes.count, 0)
            if count < 0, dc_errno() == EINTR { continue }
            if count < bytes.count { return }
        }
    }
}
