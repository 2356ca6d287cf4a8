internal import CCurl
internal import CDescopeConn
internal import CJansson
internal import CSQLite
internal import CSodium
internal import Connections
internal import JSON

/// What `descope_conn_build_info` tells.
enum BuildInfo {
    static let abi: UInt32 = DESCOPE_CONN_ABI

    /// Made at the first call, and there as long as the process.
    nonisolated(unsafe) static let text: UnsafePointer<CChar> = {  // written once, before it is shared
        let info = JSON.object([
            "version": .string("\(abi / 1_000_000).\(abi / 1000 % 1000).\(abi % 1000)"),
            "abi": .integer(Int64(abi)),
            "swift": .string(swift),
            "backends": .strings(BackendKind.allCases.map(\.rawValue)),
            "libraries": .object([
                "curl": version(curl_version()),
                "jansson": version(jansson_version_str()),
                "libsodium": version(sodium_version_string()),
                "sqlite": version(sqlite3_libversion()),
            ]),
        ])
        guard let dumped = info.dump() else { fatalError("out of memory") }
        return UnsafePointer(dumped.text)
    }()

    private static func version(_ text: UnsafePointer<CChar>?) -> JSON? {
        text.map { .string(String(cString: $0)) }
    }

    private static var swift: String {
        #if compiler(>=6.4)
            "6.4 or later"
        #else
            "6.3"
        #endif
    }
}
