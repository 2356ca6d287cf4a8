internal import Glibc

/// Runs `body` with every signal blocked on this thread. libcurl needs it for two things: the threads it starts to
/// resolve names inherit the mask, so that the host's handlers never run on them; and a write to a connection that the
/// server has closed must not raise SIGPIPE, whichever TLS library makes that write.
func withSignalsBlocked<Result>(_ body: () -> Result) -> Result {
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer {
        if sigismember(&before, SIGPIPE) == 0 {
            // a SIGPIPE that is pending now is from `body`: take it before it is let through
            var pipe = sigset_t()
            var none = timespec()
            sigemptyset(&pipe)
            sigaddset(&pipe, SIGPIPE)
            sigtimedwait(&pipe, nil, &none)
        }
        pthread_sigmask(SIG_SETMASK, &before, nil)
    }
    return body()
}
