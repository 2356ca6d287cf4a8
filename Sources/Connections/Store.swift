/// Where the vault keeps its sealed bytes: any engine with ordered scans and compare-and-set will do.
///
/// Any thread, many at once. Keys are 1 to 256 bytes in unsigned byte order. A version is never given twice to different
/// values of one key, not even after a remove.
package protocol Store: AnyObject, Sendable {
    func get(_ key: [UInt8]) throws(ConnError) -> StoredValue?

    /// The rows whose key begins with `prefix` and comes after `after`, in order, at most `limit`; one state of the
    /// store.
    func scan(prefix: [UInt8], after: [UInt8]?, limit: Int) throws(ConnError) -> [StoredRow]

    /// All or nothing, and durable when it returns. A version that does not match throws `conflict` and writes nothing.
    func commit(_ writes: [StoreWrite]) throws(ConnError)

    /// After the last call has returned.
    func close()
}

package struct StoredValue: Sendable, Equatable {
    package var value: [UInt8]
    package var version: UInt64

    package init(value: [UInt8], version: UInt64) {
        self.value = value
        self.version = version
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
