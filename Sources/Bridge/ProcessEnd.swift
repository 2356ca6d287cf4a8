internal import Connections
internal import Glibc
internal import HTTP
internal import Runtime

/// At the end of the process, what must finish is waited for: a host that returns from `main` or calls `exit` without
/// closing its handles would lose it otherwise, and the only refresh token of a grant with it.
enum ProcessEnd {
    /// Begins to watch for it; once is enough. From the first handle on, so that OpenSSL, which takes itself down in such a
    /// handler too, is ready by then, and its handler runs after this one.
    static func watch() { _ = registered }

    private static let registered: Void = {
        CurlTransport.prepare()
        atexit { ProcessEnd.finish() }
    }()

    /// Closes every handle, and waits for what must finish, unless its close was given up.
    ///
    /// No log line is made from here on, not even of a grant that is lost: the host's log function may lead into an
    /// interpreter that has ended. Who wants to be told closes the handles before.
    ///
    /// Who calls `exit` inside of the library, in a signal handler, a log function or a plugin, may hold a lock that is
    /// wanted here, or be the one who would be waited for. Nothing can be done then.
    private static func finish() {
        guard !Inside.isHere else { return }
        Log.end()
        let own = HandleTable.shared.all.filter { !$0.handle.isForked }
        for (number, handle) in own { _ = handle.beginClosing { HandleTable.shared.remove(number) } }
        let end = Deadline.after(milliseconds: TimeLimit.ending)
        for (_, handle) in own { handle.awaitWhatMustFinish(until: end, margin: TimeLimit.afterReply) }
    }
}
