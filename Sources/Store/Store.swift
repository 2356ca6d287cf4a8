package import Connections

/// Where the vault keeps its sealed bytes: any engine with ordered scans and compare-and-set will do.
///
/// Any thread, many at once; a call may block, within its context's deadline, and ends early when its context is
/// cancelled. Keys are 1 to 256 bytes in unsigned byte order. A version is never given twice to different values of one
/// key, not even after a remove.
package protocol Store: AnyObject, Sendable {
    /// Whether nobody but processes of this machine can have it open.
    var isOfOneMachine: Bool { get }

    /// The rows that each of `reads` asks for, all from one state of the store.
    /// - Throws: `timeout` and `cancelled` as the context says.
    func read(_ reads: [StoreRead], _ context: CallContext) throws(ConnError) -> [[StoredRow]]

    /// All or nothing, and durable when it returns. A version that does not match throws `conflict` and writes nothing.
    /// - Parameters:
    ///   - context: bounds the wait for the turn to write.
    ///   - take: called once, when the store is ready to write; nil writes nothing. Not called if this throws before.
    /// - Throws: `timeout` and `cancelled` as the context says; before `take` was called nothing has been written.
    func commit(_ context: CallContext, taking take: () -> StoreCommit?) throws(ConnError)

    /// After what was committed has been answered: does what need not keep anybody waiting for that. Called on any thread,
    /// also when there is nothing to do.
    func tidy()

    /// After the last call has returned.
    func close()
}

extension Store {
    package var isOfOneMachine: Bool { false }
    package func tidy() {}
}

/// A question to a store.
package enum StoreRead: Sendable, Equatable {
    /// The row with this key: one or none.
    case get([UInt8])
    /// The rows whose key begins with `prefix` and comes after `after`, in order, at most `limit`.
    case scan(prefix: [UInt8], after: [UInt8]? = nil, limit: Int)
}

/// What goes into a store together.
package struct StoreCommit: Sendable {
    package var writes: [StoreWrite]
    /// Bounds the writing.
    package var context: CallContext

    package init(_ writes: [StoreWrite], _ context: CallContext) {
        self.writes = writes
        self.context = context
    }
}

package struct StoredRow: Sendable, Equatable {
    package var key: [UInt8]
    package var value: [UInt8]
    package var version: UInt64

    package init(key: [UInt8], value: [UInt8], version: UInt64) {
        self.key = key
        self.value = value
        self.version = version
    }
}

/// One part of a commit.
package struct StoreWrite: Sendable {
    package enum Expectation: Sendable, Equatable {
        case absent
        case version(UInt64)
        case any
    }

    package var key: [UInt8]
    /// Nil removes the key, unless the row is kept.
    package var value: [UInt8]?
    package var expected: Expectation
    /// Changes nothing: the commit goes through if the row is as expected until it is done.
    package var keepsRow = false

    package static func put(_ key: [UInt8], _ value: [UInt8], expecting expected: Expectation) -> StoreWrite {
        StoreWrite(key: key, value: value, expected: expected)
    }

    package static func remove(_ key: [UInt8], expecting expected: Expectation) -> StoreWrite {
        StoreWrite(key: key, value: nil, expected: expected)
    }

    package static func keep(_ key: [UInt8], expecting expected: Expectation) -> StoreWrite {
        StoreWrite(key: key, value: nil, expected: expected, keepsRow: true)
    }
}

extension StoreWrite.Expectation {
    /// - Parameter version: of the row that is there; nil when none is.
    package func isMet(by version: UInt64?) -> Bool {
        switch self {
        case .absent: version == nil
        case .version(let expected): version == expected
        case .any: true
        }
    }
}
