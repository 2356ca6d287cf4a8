package import CDescopeConn
internal import CPlatform
package import Connections
internal import Glibc
internal import Runtime

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

    /// The address of its init.
    private let initializer: UInt

    private enum Start: Sendable {
        /// A thread is in the plugin's init.
        case begun
        case done(Result<PluginLibrary, StartFailure>)

        var isDone: Bool { if case .done = self { true } else { false } }
    }

    private struct Known: Sendable {
        /// By the address of the init.
        var starts: [UInt: Start] = [:]
        var registered: [ID: PluginLibrary] = [:]
    }

    private static let known = Monitor(Known(), inForkedChild: { $0.starts = $0.starts.filter(\.value.isDone) })

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
        do throws(StartFailure) {
            let library = try start(initialize)
            let present = known.withLock { known in
                let present = known.registered[ID(library.name)]
                if present == nil { known.registered[ID(library.name)] = library }
                return present
            }
            guard present == nil || present?.initializer == library.initializer else {
                throw StartFailure(words: "another one of the name \(library.name) is registered")
            }
        } catch {
            throw ConnError(.invalidConfig, "the plugin cannot be registered: \(error.words)")
        }
    }

    private static func registered(_ name: String, field: String) throws(ConnError) -> PluginLibrary {
        let (library, names) = known.withLock { ($0.registered[ID(name)], $0.registered.keys.sorted()) }
        guard let library else {
            let have = names.isEmpty ? "none are" : "registered: \(names.map(\.text).joined(separator: ", "))"
            throw ConnError(
                .invalidConfig,
                "\(field): \(name) is neither an absolute path nor the name of a registered plugin (\(have))",
                field: field)
        }
        return library
    }

    private static func load(_ path: String, field: String) throws(ConnError) -> PluginLibrary {
        do {
            return try start(symbol(in: path))
        } catch {
            throw ConnError(.invalidConfig, "\(field): \(path): \(error.words)", field: field)
        }
    }

    private static func symbol(in path: String) throws(StartFailure) -> descope_conn_plugin_init_fn {
        var status = stat()
        // The loader would wait for somebody at a pipe's other end.
        guard stat(path, &status) != 0 || dc_is_file(status.st_mode) != 0 else {
            throw StartFailure(words: "it is no regular file")
        }
        guard let mapped = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) else {
            throw StartFailure(words: "the loader says: \(loaderWords)")
        }
        guard let symbol = dlsym(mapped, "descope_conn_plugin_init") else {
            throw StartFailure(words: "it exports no descope_conn_plugin_init; the loader says: \(loaderWords)")
        }
        return unsafeBitCast(symbol, to: descope_conn_plugin_init_fn.self)
    }

    private static var loaderWords: String { dlerror().map { String(cString: $0) } ?? "nothing" }

    // MARK: - init

    private struct StartFailure: Error {
        var words: String
    }

    /// Calls a plugin's init, once a process. Who comes second waits for it, and gets the same.
    private static func start(_ initialize: descope_conn_plugin_init_fn) throws(StartFailure) -> PluginLibrary {
        let address = unsafeBitCast(initialize, to: UInt.self)
        let earlier: Result<PluginLibrary, StartFailure>?? = known.wait(untilNanoseconds: .max) { known in
            switch known.starts[address] {
            case .done(let result): return .some(result)
            case .begun: return .none
            case nil:
                known.starts[address] = .begun
                return .some(nil)
            }
        }
        if let earlier = earlier ?? nil { return try earlier.get() }
        let result = Result { () throws(StartFailure) in try call(initialize, at: address) }
        known.update { $0.starts[address] = .done(result) }
        return try result.get()
    }

    /// Calls a plugin's init and checks what it filled in.
    private static func call(
        _ initialize: descope_conn_plugin_init_fn, at address: UInt
    ) throws(StartFailure) -> PluginLibrary {
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
        return PluginLibrary(name: name, kind: kind, table: table, initializer: address)
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
        // What comes after `commit` is optional.
        let least = MemoryLayout<descope_conn_store>.offset(of: \.read) ?? .max
        return store.pointee.struct_size >= least
            && store.pointee.get != nil && store.pointee.scan != nil && store.pointee.commit != nil
    }
}

/// Registers a plugin that is linked into the program: `descope_conn_register_plugin`.
package func registerPlugin(_ initialize: @escaping descope_conn_plugin_init_fn) throws(ConnError) {
    try PluginLibrary.register(initialize)
}
