import Connections
import Foundation
import HTTP
import Runtime
import Store
import StoreSQLite
import Synchronization
import TestSupport
import Testing

/// A file that another process keeps locked.
@Suite struct SQLiteLockTests {
    /// A store with one row, whose file another process has locked for writing.
    private final class Locked: Sendable {
        let folder: TemporaryFolder
        let path: String
        let store: SQLiteStore
        let holder: OtherProcess
        /// Signalled when a call of the store begins to wait.
        let waits = Event()
        /// Cancelled then.
        let impatient = Cancellation()
        var impatience: CallContext { CallContext(deadline: .never, cancellation: impatient) }

        /// - Parameter how: what the other process does to lock it.
        init(_ how: String...) throws {
            folder = try TemporaryFolder()
            path = folder.file("vault.db")
            store = try SQLiteStore(path: path) { [waits, impatient] in
                waits.signal()
                impatient.cancel()
            }
            try store.commit([.put([1], [1], expecting: .absent)])
            forkAndReap()  // has all connections closed, so that the other process can have the file for itself
            holder = try OtherProcess(path)
            for line in how { #expect(holder.run("db.execute('\(line)').fetchall()") == "done") }
        }

        deinit {
            holder.end()
            store.close()
        }
    }

    private static func forkAndReap() {
        let child = forkProcess()
        if child == 0 { _exit(0) }
        var status: Int32 = 0
        waitpid(child, &status, 0)
        #expect(status == 0)
    }

    private func error(_ body: () throws(ConnError) -> Void) -> ErrorCode? {
        do throws(ConnError) {
            try body()
            return nil
        } catch {
            return error.code
        }
    }

    @Test func aCommitThatWaitsEndsAtItsDeadline() throws {
        let locked = try Locked("BEGIN IMMEDIATE")
        let context = CallContext(deadline: .after(milliseconds: 20), cancellation: Cancellation())
        var wasTaken = false
        let code = error { () throws(ConnError) in
            try locked.store.commit(context) {
                wasTaken = true
                return nil
            }
        }
        #expect(code == .timeout)
        #expect(!wasTaken)
    }

    @Test func aCommitThatWaitsCanBeCancelled() throws {
        let locked = try Locked("BEGIN IMMEDIATE")
        let code = error { () throws(ConnError) in try locked.store.commit(locked.impatience) { nil } }
        #expect(code == .cancelled)
    }

    @Test func aCommitThatWaitsForAnotherOfItsProcessCanBeCancelled() throws {
        let locked = try Locked()
        let waiter = Cancellation()
        let code = Mutex<ErrorCode?>(nil)
        try locked.store.commit(.unbounded) {
            let ended = onThreads(1) { _ in
                let context = CallContext(deadline: .never, cancellation: waiter)
                let seen = error { () throws(ConnError) in try locked.store.commit(context) { nil } }
                code.withLock { $0 = seen }
            }
            waiter.cancel()
            ended()
            return nil
        }
        #expect(code.withLock { $0 } == .cancelled)
    }

    @Test func aWriterKeepsNobodyFromReading() throws {
        let locked = try Locked("BEGIN IMMEDIATE")
        #expect(try locked.store.get([1])?.value == [1])
    }

    @Test func aReadThatWaitsEndsAtItsDeadlineAndCanBeCancelled() throws {
        let locked = try Locked("PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE")
        let context = CallContext(deadline: .after(milliseconds: 20), cancellation: Cancellation())
        #expect(error { () throws(ConnError) in _ = try locked.store.read([.get([1])], context) } == .timeout)
        let code = error { () throws(ConnError) in _ = try locked.store.read([.get([1])], locked.impatience) }
        #expect(code == .cancelled)
    }

    /// A descriptor that the locks are taken by would go into the child of a fork, where the two would have one lock.
    @Test func anAttemptThatFindsTheFileLockedLeavesNothingOpen() throws {
        let locked = try Locked("PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE")
        let code = error { () throws(ConnError) in _ = try locked.store.read([.get([1])], locked.impatience) }
        #expect(code == .cancelled)
        var status = stat()
        #expect(stat(locked.path, &status) == 0)
        for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            var open = stat()
            guard let descriptor = Int32(name), fstat(descriptor, &open) == 0 else { continue }
            #expect(open.st_ino != status.st_ino || open.st_dev != status.st_dev)
        }
    }

    @Test func whatWaitedGoesOnWhenTheFileIsFree() throws {
        let locked = try Locked("PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE")
        let failures = Failures()
        let ended = onThreads(1) { _ in
            do throws(ConnError) {
                guard try locked.store.get([1])?.value == [1] else { throw ConnError(.internal, "the row is gone") }
            } catch {
                failures.add(error)
            }
        }
        locked.waits.wait(untilNanoseconds: .max)
        locked.holder.run("db.close()")
        ended()
        #expect(failures.messages == [])
    }

    @Test func aFileThatIsLockedWhileItIsOpenedIsWaitedFor() throws {
        let locked = try Locked("PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE")
        let waits = Event()
        let failures = Failures()
        let ended = onThreads(1) { [path = locked.path] _ in
            do throws(ConnError) {
                try SQLiteStore(path: path) { waits.signal() }.close()
            } catch {
                failures.add(error)
            }
        }
        waits.wait(untilNanoseconds: .max)
        locked.holder.run("db.close()")
        ended()
        #expect(failures.messages == [])
    }

    @Test func aLongScanEndsWhenItsCallerIsGone() throws {
        let locked = try Locked()
        try locked.store.commit((0..<100).map { .put([2, $0], [1], expecting: .absent) })
        let over = CallContext(deadline: .now, cancellation: Cancellation())
        let scan = StoreRead.scan(prefix: [2], limit: 100)
        #expect(error { () throws(ConnError) in _ = try locked.store.read([scan], over) } == .timeout)
    }

    /// The lock is given up only after the fork: had it waited for a commit, it would be waiting still.
    @Test func aForkWaitsForNoCommitThatWaitsForAnotherProcess() throws {
        let locked = try Locked("BEGIN IMMEDIATE")
        let failures = Failures()
        let ended = onThreads(4) { number in
            do throws(ConnError) {
                try locked.store.commit([.put([2, UInt8(number)], [1], expecting: .absent)])
            } catch {
                failures.add(error)
            }
        }
        locked.waits.wait(untilNanoseconds: .max)
        Self.forkAndReap()
        #expect(locked.holder.run("db.execute('ROLLBACK')") == "done")
        ended()
        #expect(failures.messages == [])
        #expect(try locked.store.scan(prefix: [2], after: nil, limit: 9).count == 4)
    }
}
