import Glibc
import Runtime
import TestSupport
import Testing

@testable import Bridge

@Suite struct ForkTests {
    /// What a fork has to wait for, such as a disk, keeps nobody but the fork.
    @Test func handlesAreFoundWhileAForkWaitsForSomethingSlow() throws {
        let begun = Event()
        let goOn = Event()
        ForkLocks.add(
            ForkLocks.Lock(
                take: {
                    begun.signal()
                    goOn.wait(untilNanoseconds: .max)
                }, release: {}, renew: {}),
            isSlow: true)
        _ = HandleTable.shared.find(1)
        let forked = Event()
        var thread = pthread_t()
        let context = Unmanaged.passRetained(forked).toOpaque()
        pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                let child = forkProcess()
                if child == 0 { _exit(0) }
                waitpid(child, nil, 0)
                Unmanaged<Event>.fromOpaque(context).takeRetainedValue().signal()
                return nil
            }, context)
        begun.wait(untilNanoseconds: .max)
        #expect(HandleTable.shared.find(1) == nil)
        #expect(!forked.isSignalled)
        goOn.signal()
        pthread_join(thread, nil)
        #expect(forked.isSignalled)
    }
}
