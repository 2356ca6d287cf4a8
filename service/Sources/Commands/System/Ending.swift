import Glibc
import Synchronization

/// The end of the program, which begins once.
///
/// `exit` closes what is open, and so makes the command fail that a signal has interrupted. That failure is nobody's
/// answer any more.
enum Ending {
    private static let hasBegun = Atomic(false)

    /// To be called before anything is said of how it ended. Whoever comes second waits for the end.
    static func begin() {
        guard hasBegun.exchange(true, ordering: .relaxed) else { return }
        while true { pause() }
    }
}
