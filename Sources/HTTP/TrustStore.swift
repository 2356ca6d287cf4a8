internal import CPlatform
internal import Glibc
internal import Runtime

/// Where the certificate authorities are that servers are verified with.
struct TrustStore: Sendable, Equatable {
    /// PEM.
    var file: String?
    /// With names as `openssl rehash` makes them.
    var directory: String?

    /// Where the distributions keep theirs. A libcurl that we build knows none of them.
    private static let systemFiles = [
        "/etc/ssl/certs/ca-certificates.crt",  // Debian, Ubuntu, Arch, Alpine
        "/etc/pki/tls/certs/ca-bundle.crt",  // Fedora, RHEL
        "/etc/ssl/ca-bundle.pem",  // SUSE
        "/etc/pki/tls/cacert.pem",
        "/etc/ssl/cert.pem",  // Alpine, BSD
    ]
    private static let systemDirectory = "/etc/ssl/certs"

    /// What is configured, alone; else what `SSL_CERT_FILE` and `SSL_CERT_DIR` say; else the system's.
    /// - Returns: nil when the system has none. Only https needs one.
    /// - Throws: `invalid` when what is configured is not there.
    static func find(
        _ configured: String?, environment: (String) -> String? = environmentVariable
    ) throws(HTTPFailure) -> TrustStore? {
        if let configured { return TrustStore(file: try checked(configured, .file, "caFile")) }
        let file = environment("SSL_CERT_FILE")
        let directory = environment("SSL_CERT_DIR")
        if file != nil || directory != nil {
            if let file { _ = try checked(file, .file, "SSL_CERT_FILE") }
            // OpenSSL takes several, with colons between them
            for part in directory?.split(separator: ":") ?? [] {
                _ = try checked(String(part), .directory, "SSL_CERT_DIR")
            }
            return TrustStore(file: file, directory: directory)
        }
        if let file = systemFiles.first(where: { isReadable($0, .file) }) { return TrustStore(file: file) }
        return isReadable(systemDirectory, .directory) ? TrustStore(directory: systemDirectory) : nil
    }

    private enum Kind: String {
        case file, directory
    }

    private static func checked(_ path: String, _ kind: Kind, _ name: String) throws(HTTPFailure) -> String {
        guard isReadable(path, kind) else {
            throw HTTPFailure(.invalid, "\(name) names no readable \(kind.rawValue): \(path)", mayHaveArrived: false)
        }
        return path
    }

    private static func isReadable(_ path: String, _ kind: Kind) -> Bool {
        var status = stat()
        guard !path.utf8.contains(0), stat(path, &status) == 0, access(path, R_OK) == 0 else { return false }
        switch kind {
        case .file: return dc_is_file(status.st_mode) != 0
        case .directory: return dc_is_directory(status.st_mode) != 0
        }
    }
}
