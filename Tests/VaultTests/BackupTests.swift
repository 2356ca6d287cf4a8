import Connections
import Foundation
import Glibc
import HTTP
import JSON
import Runtime
import Store
import Synchronization
import TestSupport
import Testing
import Vault

@testable import StoreSQLite

extension SQLiteStore {
    fileprivate func backUp(to path: String, _ context: CallContext) throws(ConnError) -> StoreCopy {
        try backUp(to: path, context) { (_) throws(ConnError) in }
    }
}

@Suite struct BackupTests {
    private let folder: TemporaryFolder
    private let store: SQLiteStore
    private let target: String

    init() throws {
        folder = try TemporaryFolder()
        store = try SQLiteStore(path: folder.file("vault.db"))
        target = folder.file("copy.db")
    }

    private var files: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }
    }

    /// Rows for many steps of the copying.
    private func fill() throws {
        for part: UInt8 in 0..<8 {
            try store.commit(
                (0..<250).map { .put([part, $0], Array(repeating: part, count: 6000), expecting: .absent) })
        }
    }

    private func refusal(_ body: () throws(ConnError) -> Void) -> ConnError? {
        do throws(ConnError) {
            try body()
            return nil
        } catch {
            return error
        }
    }

    // MARK: - The file

    @Test func aCopyStandsAloneAndIsForItsOwner() throws {
        defer { store.close() }
        try fill()
        let made = try store.backUp(to: target, .unbounded)
        #expect(made.rows == 2000)
        let attributes = try FileManager.default.attributesOfItem(atPath: target)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(attributes[.size] as? Int == made.bytes)
        #expect(try files.filter { $0.hasPrefix("copy") } == ["copy.db"])
        let copy = try store.openCopy(target)
        defer { copy.close() }
        let all = try store.scan(prefix: [], after: nil, limit: 9999)
        #expect(try copy.scan(prefix: [], after: nil, limit: 9999) == all)
        #expect(try copy.get([3, 7]) == all.first { $0.key == [3, 7] })
        #expect(
            refusal { () throws(ConnError) in try copy.commit([.remove([3, 7], expecting: .any)]) }?.code
                == .unsupported)
        #expect(try files.filter { $0.hasPrefix("copy") } == ["copy.db"])
    }

    @Test func aCopyGoesOnAsAVault() throws {
        try store.commit([.put([1], [1], expecting: .absent)])
        _ = try store.backUp(to: target, .unbounded)
        try store.commit([.put([1], [2], expecting: .any)])
        store.close()
        let restored = try SQLiteStore(path: target)
        defer { restored.close() }
        let row = try #require(try restored.get([1]))
        #expect(row.value == [1])
        try restored.commit([.put([1], [3], expecting: .version(row.version))])
        #expect(try restored.get([1])?.value == [3])
    }

    /// The log that a process which died has left must not be taken for the copy's.
    @Test func aLogThatIsLeftIsNotTakenForTheCopys() throws {
        let path = folder.file("vault.db")
        store.close()
        let child = forkProcess()
        if child == 0 {
            guard let store = try? SQLiteStore(path: path),
                (try? store.commit([.put([1], [1], expecting: .any)])) != nil,
                (try? store.backUp(to: target, .unbounded)) != nil
            else { _exit(1) }
            _exit(0)
        }
        var status: Int32 = 0
        waitpid(child, &status, 0)
        #expect(status == 0)
        #expect(rename(target, path) == 0)
        let error = refusal { () throws(ConnError) in _ = try SQLiteStore(path: path) }
        #expect(error?.message.contains("belongs to another") == true)
    }

    @Test func nothingIsWrittenOver() throws {
        defer { store.close() }
        for path in [folder.file("vault.db"), try folder.write("taken", [7])] {
            let before = FileManager.default.contents(atPath: path)
            #expect(refusal { () throws(ConnError) in _ = try store.backUp(to: path, .unbounded) }?.field == "path")
            #expect(FileManager.default.contents(atPath: path) == before)
        }
        for path in ["copy.db", folder.file("missing/copy.db"), folder.path + "/"] {
            let error = refusal { () throws(ConnError) in _ = try store.backUp(to: path, .unbounded) }
            #expect(error?.code == .invalidRequest && error?.field == "path", "\(path)")
        }
    }

    @Test func whoeverIsGoneGetsNoCopy() throws {
        defer { store.close() }
        let cancelled = Cancellation()
        cancelled.cancel()
        let contexts = [
            (CallContext(deadline: .now, cancellation: Cancellation()), ErrorCode.timeout),
            (CallContext(deadline: .never, cancellation: cancelled), .cancelled),
        ]
        for (context, code) in contexts {
            #expect(refusal { () throws(ConnError) in _ = try store.backUp(to: target, context) }?.code == code)
        }
        #expect(try files.allSatisfy { $0.hasPrefix("vault.db") })
    }

    /// Whether the name is on the disk cannot be asked for there.
    @Test func aFolderThatCannotBeReadGetsNoCopy() throws {
        defer { store.close() }
        let nobody: uid_t = 65534
        let (own, closed) = (try TemporaryFolder(), try TemporaryFolder())
        for folder in [own, closed] { chown(folder.path, nobody, nobody) }  // root may read everything
        chmod(closed.path, 0o300)
        defer { chmod(closed.path, 0o700) }
        let child = forkProcess()
        if child == 0 {
            seteuid(nobody)
            guard let store = try? SQLiteStore(path: own.file("vault.db")) else { _exit(1) }
            let error = refusal { () throws(ConnError) in _ = try store.backUp(to: closed.file("copy.db"), .unbounded) }
            _exit(error == nil ? 2 : 0)
        }
        var status: Int32 = 0
        waitpid(child, &status, 0)
        #expect(status == 0)
        chmod(closed.path, 0o700)
        #expect(try FileManager.default.contentsOfDirectory(atPath: closed.path) == [])
    }

    @Test func aFullDiskLeavesNoHalfCopy() throws {
        defer { store.close() }
        try fill()
        let child = forkProcess()
        if child == 0 {
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: 4_000_000, rlim_max: 4_000_000)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            guard let own = try? SQLiteStore(path: folder.file("vault.db")) else { _exit(1) }
            let error = refusal { () throws(ConnError) in _ = try own.backUp(to: target, .unbounded) }
            _exit(error?.code == .internal ? 0 : 2)
        }
        var status: Int32 = 0
        waitpid(child, &status, 0)
        #expect(status == 0)
        #expect(try files.allSatisfy { $0.hasPrefix("vault.db") })
    }

    /// Both rows of a pair are always committed together.
    @Test func aCopyIsOfOneMomentWhileOthersCommitAndFork() throws {
        defer { store.close() }
        try fill()
        let first: [UInt8] = [0, 0]
        let second: [UInt8] = [7, 249]
        let isDone = Atomic(false)
        let failures = Failures()
        let ended = onThreads(1) { [store, target] _ in
            do throws(ConnError) {
                _ = try store.backUp(to: target, .unbounded)
            } catch {
                failures.add(error)
            }
            isDone.store(true, ordering: .sequentiallyConsistent)
        }
        var round: UInt8 = 0
        while !isDone.load(ordering: .sequentiallyConsistent) {
            round &+= 1
            try store.commit([.put(first, [round], expecting: .any), .put(second, [round], expecting: .any)])
            if round == 3 {
                let child = forkProcess()
                if child == 0 { _exit(0) }
                waitpid(child, nil, 0)
            }
        }
        ended()
        #expect(failures.messages == [])
        let copy = try store.openCopy(target)
        defer { copy.close() }
        let rows = try copy.read([.get(first), .get(second), .scan(prefix: [], limit: 9999)], .unbounded)
        #expect(rows[2].count == 2000)
        #expect(rows[0].first?.value == rows[1].first?.value || rows[0].first?.value.count == 6000)
    }

    @Test func aBackupEndsHoweverOftenTheHostForks() throws {
        defer { store.close() }
        try fill()
        let isDone = Atomic(false)
        let forks = Atomic(0)
        let ended = onThreads(1) { _ in
            while !isDone.load(ordering: .sequentiallyConsistent) {
                let child = forkProcess()
                if child == 0 { _exit(0) }
                waitpid(child, nil, 0)
                forks.add(1, ordering: .sequentiallyConsistent)
            }
        }
        while forks.load(ordering: .sequentiallyConsistent) == 0 {}
        let copy = Result { () throws(ConnError) in
            let context = CallContext(deadline: .after(milliseconds: 60_000), cancellation: Cancellation())
            return try store.backUp(to: target, context)
        }
        isDone.store(true, ordering: .sequentiallyConsistent)
        ended()
        #expect(try copy.get().rows == 2000)
    }

    @Test func stepsGrowFromAttemptToAttemptAndHaveAnEnd() {
        let pages = (1...BackupSteps.maxAttempts).map(BackupSteps.pages)
        #expect(pages.starts(with: [256, 512, 1024, 2048, 4096, 8192, 16_384, 16_384]))
        #expect(pages.max() == 16_384)
    }

    @Test func whatCannotBeRecordedIsNotThereEither() throws {
        defer { store.close() }
        try fill()
        let error = refusal { () throws(ConnError) in
            _ = try store.backUp(to: target, .unbounded) { (copy) throws(ConnError) in
                #expect(copy.rows == 2000 && FileManager.default.fileExists(atPath: target))
                throw ConnError(.conflict, "no")
            }
        }
        #expect(error?.code == .conflict)
        #expect(try files.allSatisfy { $0.hasPrefix("vault.db") })
    }

    @Test func aCopyIsReadWhereNothingCanBeWritten() throws {
        defer { store.close() }
        try store.commit([.put([1], [1], expecting: .absent)])
        let shelf = try TemporaryFolder()
        let copy = shelf.file("copy.db")
        _ = try store.backUp(to: copy, .unbounded)
        chmod(copy, 0o444)
        chmod(shelf.path, 0o555)
        defer { chmod(shelf.path, 0o755) }
        let child = forkProcess()
        if child == 0 {
            if geteuid() == 0, setgid(65534) != 0 || setuid(65534) != 0 { _exit(1) }  // root may write everywhere
            guard let reader = try? SQLiteCopy(path: copy) else { _exit(2) }
            _exit((try? reader.get([1]))??.value == [1] ? 0 : 3)
        }
        var status: Int32 = 0
        waitpid(child, &status, 0)
        #expect(status == 0)
    }

    @Test func whatSQLitesOwnToolsCopyIsAVaultToo() throws {
        let world = try world()
        try world.makeApp()
        let other = try OtherProcess(folder.file("vault.db"))
        #expect(other.run("copy = sqlite3.connect(path + '.1'); db.backup(copy); copy.close()") == "done")
        #expect(other.run("db.execute('VACUUM INTO ?', [path + '.2'])") == "done")
        other.end()
        store.close()
        #expect(try files == ["vault.db", "vault.db.1", "vault.db.2"])
        try FileManager.default.copyItem(atPath: folder.file("vault.db"), toPath: folder.file("vault.db.3"))
        for number in 1...3 {
            let copy = try SQLiteStore(path: folder.file("vault.db.\(number)"))
            defer { copy.close() }
            #expect(try World(store: copy).call("apps.list", [:])["apps"]?.elements.count == 1)
        }
    }

    @Test func whatIsNoCopyIsRefused() throws {
        try store.commit([.put([1], [1], expecting: .absent)])
        let noise = try folder.write("noise", Array(repeating: 0x5A, count: 8192))
        let pipe = folder.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        for path in [
            folder.file("vault.db"), folder.file("missing"), "vault.db", noise, folder.path, pipe, "/dev/zero",
        ] {
            let error = refusal { () throws(ConnError) in _ = try store.openCopy(path) }
            #expect(error?.code == .invalidRequest && error?.field == "path", "\(path)")
        }
        store.close()
    }

    /// Somebody may put one there after it was looked at.
    @Test func aPipeIsNotWaitedFor() throws {
        let pipe = folder.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        let error = refusal { () throws(ConnError) in
            try ForkGuard.use { () throws(ConnError) in
                try SQLiteFormat.check(try SQLiteConnection(readingAlone: pipe))
            }
        }
        #expect(error?.code == .internal)
        #expect(RegularFile.open(pipe) == nil)
        store.close()
    }

    // MARK: - The operations

    private func world(key: String = "0a", config: JSON = [:]) throws -> World {
        try World(store: store, key: key, config: config)
    }

    private func check(_ world: World) throws -> JSON { try world.call("backup.check", ["path": "\(target)"]) }

    @Test func aBackupIsMadeRecordedAndChecked() throws {
        defer { store.close() }
        let world = try world()
        try world.makeApp()
        try world.connect()
        let made = try world.call("backup", ["path": "\(target)", "actor": "cron"])
        let verdict = try check(world)
        #expect(verdict["ok"]?.boolean == true)
        #expect(verdict["rows"]?.integer == made["rows"]?.integer)
        #expect(verdict["unreadable"]?.integer == 0)
        let records = try world.call("audit.list", [:])["records"]?.elements ?? []
        #expect(records.last?["op"]?.string == "backup")
        #expect(records.last?["actor"]?.string == "cron")
        #expect(records.last?["outcome"]?.string == "ok")
        // What came of it is known once it is there.
        #expect(verdict["audit"]?["verified"]?.integer == Int64(records.count - 1))
    }

    @Test(arguments: ["changes", "all"]) func theAuditSaysWhatCameOfABackup(_ level: String) throws {
        defer { store.close() }
        let world = try world(config: ["audit": "\(level)"])
        for path in [folder.file("vault.db"), folder.file("missing/copy.db"), "copy.db"] {
            #expect(world.error("backup", ["path": "\(path)"])?.code == .invalidRequest)
        }
        let step = try world.vault.begin(try checked("backup", ["path": "\(target)", "actor": "cron"]))
        let over = CallContext(deadline: .now, cancellation: Cancellation())
        #expect(refusal { () throws(ConnError) in _ = try step.performed(over) }?.code == .timeout)
        #expect(try files.allSatisfy { $0.hasPrefix("vault.db") })
        _ = try world.call("backup", ["path": "\(target)"])
        let records = try world.call("audit.list", [:])["records"]?.elements ?? []
        #expect(records.allSatisfy { $0["op"]?.string == "backup" })
        #expect(
            records.map { $0["outcome"]?.string } == [
                "invalid_request", "invalid_request", "invalid_request", "timeout", "ok",
            ])
        #expect(records[3]["actor"]?.string == "cron")
    }

    @Test func aBackupOfAVaultWithoutAnAuditIsMadeToo() throws {
        defer { store.close() }
        let world = try world(config: ["audit": "off"])
        _ = try world.call("backup", ["path": "\(target)"])
        #expect(try check(world)["ok"]?.boolean == true)
    }

    @Test func aCopyThatWasChangedIsFoundOut() throws {
        defer { store.close() }
        let world = try world()
        try world.makeApp()
        try world.connect()
        _ = try world.call("backup", ["path": "\(target)"])
        let other = try OtherProcess(target)
        other.run("db.execute(\"UPDATE vault SET value = zeroblob(99) WHERE substr(key, 1, 1) = x'74'\")")
        other.end()
        #expect(try check(world)["ok"]?.boolean == false)
        #expect(try check(world)["unreadable"]?.integer == 1)
        #expect(try check(world)["audit"]?["ok"]?.boolean == true)
        let third = try OtherProcess(target)
        third.run("db.execute(\"DELETE FROM vault WHERE substr(key, 1, 1) = x'6c'\")")
        third.end()
        #expect(try check(world)["audit"]?["ok"]?.boolean == false)
    }

    @Test func aCopyOfAnotherKeyIsSaid() throws {
        defer { store.close() }
        let world = try world()
        _ = try world.call("backup", ["path": "\(target)"])
        let folder = try TemporaryFolder()
        let foreign = try SQLiteStore(path: folder.file("vault.db"))
        defer { foreign.close() }
        let other = try World(store: foreign, key: "0b")
        #expect(other.error("backup.check", ["path": "\(target)"])?.code == .misconfigured)
        // A master key that was replaced since is among the other keys.
        let successor = try World(store: foreign, key: "0b", config: ["otherKeys": [World.key("0a")]])
        #expect(try check(successor)["ok"]?.boolean == true)
    }

    @Test func aStoreOfAnotherKindMakesItsOwnCopies() throws {
        defer { store.close() }
        let world = try World(store: MemoryStore())
        for operation in ["backup", "backup.check"] {
            #expect(world.error(operation, ["path": "\(target)"])?.code == .unsupported)
        }
    }
}
