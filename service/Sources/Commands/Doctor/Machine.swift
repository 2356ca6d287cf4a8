import Glibc

/// What a machine needs for connecting.
enum Machine {
    static func findings() -> [Finding] { [certificates(), browser(), port()] }

    /// Where systems keep the certificate authorities that they trust.
    private static let certificatePlaces = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ]

    private static func certificates() -> Finding {
        let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].first { Environment.value($0) != nil }
        if let named, let path = Environment.value(named) {
            guard File.exists(path) else {
                return .problem("certificates", "\(named) names \(path), which does not exist", hint: "Correct it.")
            }
            return .ok("certificates", "\(named) names \(path)")
        }
        guard let path = certificatePlaces.first(where: File.exists) else {
            return .problem(
                "certificates", "there are no certificate authorities to check servers with",
                hint: "Install the package ca-certificates, or name a file in SSL_CERT_FILE.")
        }
        return .ok("certificates", path)
    }

    private static func browser() -> Finding {
        guard let command = Browser.command(Environment.value) else {
            return .ok("browser", "there is no screen here, so that connect prints the URL")
        }
        let isThere = Execution.candidates(command, searchPath: Environment.value("PATH")).contains {
            access($0, X_OK) == 0
        }
        return isThere
            ? .ok("browser", "\(command) opens URLs")
            : .warning(
                "browser", "there is no program \(command), so that connect prints the URL",
                hint: "Install xdg-utils, or name a program in BROWSER.")
    }

    private static func port() -> Finding {
        do {
            _ = try CallbackServer(CallbackAddress(port: CallbackAddress.defaultPort))
            return .ok("callback", "port \(CallbackAddress.defaultPort) is free")
        } catch {
            return .warning(
                "callback", "port \(CallbackAddress.defaultPort) is taken, so that connect needs another one",
                hint: "Name one with connect --port, and register its redirect URI.")
        }
    }
}
