package import Foundation

/// A server of `Tests/servers`, which runs as long as this object.
package final class TestServer: Sendable {
    package let port: Int
    private let process: Process
    private let input: Pipe

    /// - Parameter script: a file or folder in `Tests/servers`.
    package init(_ script: String, _ arguments: String...) throws {
        process = Process()
        process.executableURL = Repository.python
        process.arguments = [Repository.root.appending(path: "Tests/servers/\(script)").path] + arguments
        input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        var line = Data()
        while !line.contains(UInt8(ascii: "\n")), case let more = output.fileHandleForReading.availableData,
            !more.isEmpty
        { line += more }
        guard let port = Int(String(decoding: line, as: UTF8.self).split(separator: " ").last?.dropLast() ?? "") else {
            throw CocoaError(.executableLoad)
        }
        self.port = port
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    package func url(_ path: String, scheme: String = "http", host: String = "127.0.0.1") -> String {
        "\(scheme)://\(host):\(port)\(path)"
    }
}

/// Where this repository is, and what it runs.
package enum Repository {
    package static let root = Foundation.URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// With the packages of `Tests/servers/requirements.txt` where they are installed.
    package static let python: Foundation.URL = {
        let own = root.appending(path: ".venv/bin/python")
        return FileManager.default.isExecutableFile(atPath: own.path)
            ? own : Foundation.URL(filePath: "/usr/bin/python3")
    }()
}
