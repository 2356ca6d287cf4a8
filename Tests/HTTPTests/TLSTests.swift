import Foundation
import Runtime
import TestSupport
import Testing

@testable import HTTP

@Suite struct TLSTests {
    let certificates: Certificates

    init() throws { certificates = try Certificates.shared.get() }

    @Test func aKnownAuthorityAndTheRightName() throws {
        let server = try certificates.server("server")
        let transport = try directTransport(caFile: certificates.authority)
        for host in ["localhost", "127.0.0.1"] {
            #expect(try transport.get(server.url("/echo", scheme: "https", host: host)).get().status == 200)
        }
        #expect(try transport.get(server.url("/echo", scheme: "https")).get().headers["x-connection"] == "2")
    }

    @Test(arguments: ["wrong-name", "expired", "untrusted"])
    func aCertificateThatIsNotGoodEnough(_ name: String) throws {
        let server = try certificates.server(name)
        let transport = try directTransport(caFile: certificates.authority)
        let failure = try #require(transport.get(server.url("/echo?secret-query", scheme: "https")).failure)
        #expect(failure.kind == .tls)
        #expect(!failure.mayHaveArrived)
        #expect(!failure.message.contains("secret-query"))
    }

    /// The system's authorities do not know ours, and a `caFile` takes the place of the system's.
    @Test func theSystemsAuthorities() throws {
        let server = try certificates.server("server")
        let failure = try #require(try directTransport().get(server.url("/echo", scheme: "https")).failure)
        #expect([.tls, .invalid].contains(failure.kind))
    }

    @Test func plainHTTPOnATLSPort() throws {
        let server = try TestServer("http/server.py")
        let transport = try directTransport(caFile: certificates.authority)
        let failure = try #require(transport.get(server.url("/echo", scheme: "https"), timeout: 5000).failure)
        #expect(!failure.mayHaveArrived)
    }

    @Test func anAuthorityFileMustBeThere() throws {
        for path in ["/nonexistent.pem", "/etc", "", "/etc/hosts\0"] {
            let failure = #expect(throws: HTTPFailure.self) { try directTransport(caFile: path) }
            #expect(failure?.kind == .invalid)
        }
    }

    @Test func aFileThatHoldsNoCertificate() throws {
        let server = try certificates.server("server")
        let transport = try directTransport(caFile: "/etc/passwd")
        #expect(transport.get(server.url("/echo", scheme: "https")).failure?.kind == .invalid)
    }

    @Test func whereAuthoritiesAreLookedFor() throws {
        let file = certificates.authority
        let folder = certificates.folder.path
        #expect(try TrustStore.find(file) { _ in "/nonexistent" } == TrustStore(file: file))
        #expect(try TrustStore.find(nil) { $0 == "SSL_CERT_FILE" ? file : nil } == TrustStore(file: file))
        #expect(
            try TrustStore.find(nil) { $0 == "SSL_CERT_DIR" ? "\(folder):\(folder)" : nil }
                == TrustStore(directory: "\(folder):\(folder)"))
        for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
            let failure = #expect(throws: HTTPFailure.self) {
                try TrustStore.find(nil) { $0 == variable ? "/nonexistent" : nil }
            }
            #expect(failure?.message.contains(variable) == true)
        }
    }
}
