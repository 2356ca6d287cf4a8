import Foundation

/// A server of `Tests/servers`, which runs as long as this object.
final class TestServer: Sendable {
    let port: Int
    private let process: Process
    private let input: Pipe

    init(_ script: String, _ arguments: String...) throws {
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

    func url(_ path: String, scheme: String = "http", host: String = "127.0.0.1") -> String {
        "\(scheme)://\(host):\(port)\(path)"
    }
}

enum Repository {
    static let root = Foundation.URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// With the packages of `Tests/servers/requirements.txt` where they are installed.
    static let python: Foundation.URL = {
        let own = root.appending(path: ".venv/bin/python")
        return FileManager.default.isExecutableFile(atPath: own.path)
            ? own : Foundation.URL(filePath: "/usr/bin/python3")
    }()
}

/// Throw-away certificates, made once.
struct Certificates: Sendable {
    static let shared = Result { try Certificates() }

    let folder: Foundation.URL

    private init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "certificates-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let maker = try Process.run(
            Repository.python, arguments: [Repository.root.appending(path: "Tests/servers/certs.py").path, folder.path])
        maker.waitUntilExit()
        guard maker.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
    }

    var authority: String { folder.appending(path: "ca.pem").path }

    func server(_ name: String) throws -> TestServer {
        try TestServer(
            "http/server.py", "--tls", folder.appending(path: "\(name).pem").path,
            folder.appending(path: "\(name).key").path)
    }
}
