import Connections
import Foundation
import JSON
import Plugins
package import Store
import StoreSQLite
import Testing

/// The stores that tests run over, by their names.
package enum TestStore: Sendable, CustomTestStringConvertible {
    case memory
    case sqlite
    /// A plugin's absolute path, and the text of its config. `$FRESH` in it stands for another text each time that a store is
    /// opened, so that each is empty.
    case plugin(String, config: String)

    /// What `DESCOPE_CONN_TEST_STORE` names: `memory`, `sqlite` or a plugin's path, whose config is
    /// `DESCOPE_CONN_TEST_STORE_CONFIG`. Nil: the tests choose.
    package static let named: TestStore? = {
        let environment = ProcessInfo.processInfo.environment
        switch environment["DESCOPE_CONN_TEST_STORE"] {
        case nil: return nil
        case "memory": return .memory
        case "sqlite": return .sqlite
        case let path?: return .plugin(path, config: environment["DESCOPE_CONN_TEST_STORE_CONFIG"] ?? "{}")
        }
    }()

    package var testDescription: String {
        switch self {
        case .memory: "memory"
        case .sqlite: "sqlite"
        case .plugin(let path, _): Foundation.URL(filePath: path).lastPathComponent
        }
    }

    /// An empty store.
    package func open() throws -> any Store {
        switch self {
        case .memory:
            return MemoryStore()
        case .sqlite:
            let folder = try TemporaryFolder()
            return HeldStore(try SQLiteStore(path: folder.file("vault.db")), in: folder)
        case .plugin(let path, let config):
            let fresh = "t" + UUID().uuidString.replacing("-", with: "").lowercased()
            let config = try JSON.parse(config.replacing("$FRESH", with: fresh))
            return try PluginStore(path, field: "DESCOPE_CONN_TEST_STORE", config: config)
        }
    }
}

/// A store whose folder goes with it.
private final class HeldStore: Store {
    private let store: any Store
    private let folder: TemporaryFolder

    init(_ store: any Store, in folder: TemporaryFolder) {
        self.store = store
        self.folder = folder
    }

    func read(_ reads: [StoreRead], _ context: CallContext) throws(ConnError) -> [[StoredRow]] {
        try store.read(reads, context)
    }

    func commit(_ context: CallContext, taking take: () -> StoreCommit?) throws(ConnError) {
        try store.commit(context, taking: take)
    }

    func close() { store.close() }
}
