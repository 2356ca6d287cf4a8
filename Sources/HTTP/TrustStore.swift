internal import Glibc

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
        if let configured { return TrustStore(file: try checked(configured, S_IFREG, "caFile")) }
        let file = environment("SSL_CERT_FILE")
        let directory = environment("SSL_CERT_DIR")
        if file != nil || directory != nil {
            if let file { _ = try checked(file, S_IFREG, "SSL_CERT_FILE") }
            // OpenSSL takes several, with colons between them
            for part in directory?.split(separator: ":") ?? [] {
                _ = try checked(String(part), S_IFDIR, "SSL_CERT_DIR")
            }
            return TrustStore(file: file, directory: directory)
        }
        if let file = systemFiles.first(where: { isReadable($0, S_IFREG) }) { return TrustStore(file: file) }
        return isReadable(systemDirectory, S_IFDIR) ? TrustStore(directory: systemDirectory) : nil
    }

    private static func checked(_ path: String, _ type: mode_t, _ name: String) throws(HTTPFailure) -> String {
        guard isReadable(path, type) else {
            let kind = type == S_IFDIR ? "directory" : "file"
            throw HTTPFailure(.invalid, "\(name) names no readable \(kind): \(path)", mayHaveArrived: false)
        }
        return path
    }

    private static func isReadable(_ path: String, _ type: mode_t) -> Bool {
        var status = stat()
        return !path.utf8.contains(0) && stat(path, &status) == 0 && status.st_mode & S_IFMT == type
            && access(path, R_OK) == 0
    }
}
