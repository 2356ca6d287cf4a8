internal import Foundation
internal import Synchronization

/// Plugins in C, compiled when a test asks for them.
package enum CPlugin {
    private static let built = Mutex<[String: String]>([:])

    /// Compiles a file of this repository with `cc`, once a process for the same flags.
    /// - Returns: the library's absolute path, below `.build`.
    package static func build(_ source: String, _ flags: String...) throws -> String { try build(source, flags) }

    package static func build(_ source: String, _ flags: [String]) throws -> String {
        try built.withLock { built in
            let key = ([source] + flags).joined(separator: " ")
            if let path = built[key] { return path }
            let folder = Repository.root.appending(path: ".build/test-plugins")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let name = key.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? String($0) : "_" }.joined()
            // Another test process may have the same library mapped: it is replaced and not written into.
            let path = folder.appending(path: "\(name).so").path
            let fresh = "\(path).\(ProcessInfo.processInfo.processIdentifier)"
            try run(
                "/usr/bin/cc",
                ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g", "-shared", "-fPIC"]
                    + ["-I", Repository.root.appending(path: "include").path, "-o", fresh]
                    + [Repository.root.appending(path: source).path] + flags)
            guard rename(fresh, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
            built[key] = path
            return path
        }
    }

    private static func run(_ program: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = Foundation.URL(filePath: program)
        process.arguments = arguments
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
    }
}
