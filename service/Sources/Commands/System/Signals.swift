import Glibc
import Synchronization

/// The signals by which a user ends the program.
///
/// They are blocked in all threads, and the main thread waits for one. So the terminal is left as it was, and what must
/// not be lost (a refresh that is at its provider) is finished by the library's own handler of `exit`. A second signal
/// ends the program at once.
enum Signals {
    private static let ending = [SIGINT, SIGTERM, SIGHUP]

    /// What was blocked when the program began.
    private static let before = Mutex<sigset_t>(sigset_t())

    /// To be called before there is a second thread.
    static func block() {
        var taken = taken
        before.withLock { _ = pthread_sigmask(SIG_BLOCK, &taken, &$0) }
    }

    /// Gives the thread, and the program that it becomes, the signals as this one got them.
    static func giveBack() {
        before.withLock { _ = pthread_sigmask(SIG_SETMASK, &$0, nil) }
    }

    /// What stops in good order when it is told to; nil where the program just ends.
    private static let stopping = Mutex<(@Sendable () -> Void)?>(nil)

    /// Has the first signal call `stop` in place of ending the program.
    static func whenToldToStop(_ stop: @escaping @Sendable () -> Void) { stopping.withLock { $0 = stop } }

    /// Waits for one of them, and ends the program.
    static func endWhenTold() -> Never {
        var signal = wait()
        if let stop = stopping.withLock({ stop in
            defer { stop = nil }
            return stop
        }) {
            stop()
            signal = wait()
        }
        Ending.begin()
        giveBack()
        Terminal.restore()
        if Terminal.isOne(Descriptor.error) { _ = Descriptor.write("\n".utf8, to: Descriptor.error) }
        exit(128 + signal)
    }

    private static func wait() -> Int32 {
        var taken = taken
        var signal: Int32 = 0
        // With none to wait for, this waits for ever.
        while sigwait(&taken, &signal) != 0 || signal == 0 {}
        return signal
    }

    /// All but those that are ignored, as by nohup, or for what a shell runs in the background.
    private static var taken: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in ending where !isIgnored(signal) { sigaddset(&set, signal) }
        return set
    }

    private static func isIgnored(_ signal: Int32) -> Bool {
        var action = sigaction()
        sigaction(signal, nil, &action)
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
