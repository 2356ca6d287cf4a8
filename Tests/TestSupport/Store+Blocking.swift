package import Connections
internal import HTTP
internal import Runtime
package import Store

/// Single reads and commits, for as long as they take.
extension Store {
    package func get(_ key: [UInt8]) throws(ConnError) -> StoredRow? { try read([.get(key)], .unbounded)[0].first }

    package func scan(prefix: [UInt8], after: [UInt8]?, limit: Int) throws(ConnError) -> [StoredRow] {
        try read([.scan(prefix: prefix, after: after, limit: limit)], .unbounded)[0]
    }

    package func commit(_ writes: [StoreWrite]) throws(ConnError) {
        try commit(.unbounded) { StoreCommit(writes, .unbounded) }
    }
}
