import Glibc

/// The signals by which a user ends the program.
///
/// They are blocked in all threads and taken by one, so that the terminal is as it was, and what must not be lost (a
/// refresh that is at its provider) is finished by the library's own handler of `exit`. A second signal ends it at once.
enum Signals {
    private static let ending = [SIGINT, SIGTERM, SIGHUP]

    /// To be called before there is a second thread.
    static func takeOver() {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in ending where !isIgnored(signal) { sigaddset(&set, signal) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        var thread = pthread_t()
        pthread_create(&thread, nil, { _ in Signals.wait() }, nil)
    }

    /// Gives another program the signals as this one got them.
    static func giveBack() {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in ending { sigaddset(&set, signal) }
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    private static func wait() -> Never {
        var set = sigset_t()
        pthread_sigmask(SIG_BLOCK, nil, &set)
        var signal: Int32 = 0
        while sigwait(&set, &signal) != 0 {}
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
        Terminal.restore()
        if Terminal.isOne(Descriptor.error) { _ = Descriptor.write("\n".utf8, to: Descriptor.error) }
        exit(128 + signal)
    }

    /// As by nohup, or for what a shell runs in the background.
    private static func isIgnored(_ signal: Int32) -> Bool {
        var action = sigaction()
        sigaction(signal, nil, &action)
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
