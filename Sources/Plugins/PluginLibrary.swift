package import CDescopeConn
package import Connections
internal import Glibc
internal import Synchronization

/// A plugin that is in the process: loaded from an absolute path, or registered by the program. It is never unloaded.
struct PluginLibrary: @unchecked Sendable {  // the table's strings and functions live as long as the process
    enum Kind: UInt32 {
        case backend = 1
        case store = 2

        var words: String { self == .backend ? "a backend" : "a store" }
    }

    let name: String
    let kind: Kind
    let table: descope_conn_plugin

    private struct Known: Sendable {
        /// What became of each path whose init has been called.
        var byPath: [String: Result<PluginLibrary, StartFailure>] = [:]
        var registered: [String: PluginLibrary] = [:]
        /// Addresses of the functions that registered them.
        var initializers: Set<UInt> = []
    }

    private static let known = Mutex(Known())

    /// - Parameters:
    ///   - reference: an absolute path, or the name of a registered plugin.
    ///   - field: the config's field that holds it.
    static func find(_ reference: String, kind: Kind, field: String) throws(ConnError) -> PluginLibrary {
        let library = try reference.hasPrefix("/") ? load(reference, field: field) : registered(reference, field: field)
        guard library.kind == kind else {
            throw ConnError(
                .invalidConfig, "\(field): the plugin \(library.name) is \(library.kind.words), not \(kind.words)",
                field: field)
        }
        return library
    }

    /// Registers a plugin that is linked into the program.
    static func register(_ initialize: @escaping descope_conn_plugin_init_fn) throws(ConnError) {
        let address = unsafeBitCast(initialize, to: UInt.self)
        let result: Result<Void, StartFailure> = known.withLock { known in
            if known.initializers.contains(address) { return .success(()) }
            return Result { () throws(StartFailure) in
                let library = try start(initialize)
                guard known.registered[library.name] == nil else {
                    throw StartFailure(words: "another one of the name \(library.name) is registered")
                }
                known.registered[library.name] = library
                known.initializers.insert(address)
            }
        }
        do {
            try result.get()
        } catch {
            throw ConnError(.invalidConfig, "the plugin cannot be registered: \(error.words)")
        }
    }

    private static func registered(_ name: String, field: String) throws(ConnError) -> PluginLibrary {
        let (library, names) = known.withLock { ($0.registered[name], $0.registered.keys.sorted()) }
        guard let library else {
            let have = names.isEmpty ? "none are" : "registered: \(names.joined(separator: ", "))"
            throw ConnError(
                .invalidConfig,
                "\(field): \(name) is neither an absolute path nor the name of a registered plugin (\(have))",
                field: field)
        }
        return library
    }

    private static func load(_ path: String, field: String) throws(ConnError) -> PluginLibrary {
        func failed(_ what: String) -> ConnError {
            ConnError(.invalidConfig, "\(field): \(path): \(what)", field: field)
        }
        // Without the lock: a library's constructors may take their time, and mapping one twice is harmless.
        guard let mapped = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) else {
            throw failed("the loader says: \(loaderWords)")
        }
        guard let symbol = dlsym(mapped, "descope_conn_plugin_init") else {
            throw failed("it exports no descope_conn_plugin_init; the loader says: \(loaderWords)")
        }
        let initialize = unsafeBitCast(symbol, to: descope_conn_plugin_init_fn.self)
        // With the lock: init is called once a process for each path.
        let result: Result<PluginLibrary, StartFailure> = known.withLock { known in
            if let result = known.byPath[path] { return result }
            let result = Result { () throws(StartFailure) in try start(initialize) }
            known.byPath[path] = result
            return result
        }
        do {
            return try result.get()
        } catch {
            throw failed(error.words)
        }
    }

    private static var loaderWords: String { dlerror().map { String(cString: $0) } ?? "nothing" }

    // MARK: - init

    private struct StartFailure: Error {
        var words: String
    }

    /// Calls a plugin's init and checks what it filled in.
    private static func start(_ initialize: descope_conn_plugin_init_fn) throws(StartFailure) -> PluginLibrary {
        let size = MemoryLayout<descope_conn_plugin>.size
        var table = descope_conn_plugin()
        table.struct_size = size
        let status = initialize(DESCOPE_CONN_PLUGIN_ABI, PluginHost.table, &table)
        guard status == DESCOPE_CONN_OK else {
            throw StartFailure(
                words: "its init answered \(status) to plugin ABI \(DESCOPE_CONN_PLUGIN_ABI), the only one spoken here")
        }
        guard table.abi == DESCOPE_CONN_PLUGIN_ABI else {
            throw StartFailure(words: "it speaks plugin ABI \(table.abi), not \(DESCOPE_CONN_PLUGIN_ABI)")
        }
        // Version 1 has no optional members, so a shorter table lacks something.
        guard table.struct_size == size else {
            throw StartFailure(words: "its struct_size is \(table.struct_size), not \(size)")
        }
        guard let kind = Kind(rawValue: table.kind) else {
            throw StartFailure(words: "its kind \(table.kind) is unknown")
        }
        guard let rawName = table.name, table.version != nil else {
            throw StartFailure(words: "it has no name or version")
        }
        let name = String(cString: rawName)
        guard (1...32).contains(name.utf8.count), name.utf8.allSatisfy(isNameByte) else {
            throw StartFailure(words: "its name is not 1 to 32 of a-z, 0-9, _ and -")
        }
        guard table.open != nil, table.close != nil else {
            throw StartFailure(words: "it has no open or close function")
        }
        guard kind == .backend ? hasBackend(table) : hasStore(table) else {
            throw StartFailure(words: "its table of functions as \(kind.words) is missing or incomplete")
        }
        return PluginLibrary(name: name, kind: kind, table: table)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func hasBackend(_ table: descope_conn_plugin) -> Bool {
        guard let backend = table.backend else { return false }
        return backend.pointee.struct_size >= MemoryLayout<descope_conn_backend>.size && backend.pointee.call != nil
    }

    private static func hasStore(_ table: descope_conn_plugin) -> Bool {
        guard let store = table.store else { return false }
        return store.pointee.struct_size >= MemoryLayout<descope_conn_store>.size
            && store.pointee.get != nil && store.pointee.scan != nil && store.pointee.commit != nil
    }
}

/// Registers a plugin that is linked into the program: `descope_conn_register_plugin`.
package func registerPlugin(_ initialize: @escaping descope_conn_plugin_init_fn) throws(ConnError) {
    try PluginLibrary.register(initialize)
}
