import Foundation
import TestSupport

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
