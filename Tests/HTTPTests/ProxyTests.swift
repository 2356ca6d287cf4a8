import Runtime
import TestSupport
import Testing

@testable import HTTP

@Suite struct ProxyTests {
    private func count(_ proxy: TestServer) throws -> String {
        try directTransport().get(proxy.url("/count")).get().text
    }

    private func transport(through proxy: TestServer, caFile: String? = nil) throws -> CurlTransport {
        try CurlTransport(options: HTTPOptions(caFile: caFile, proxy: proxy.url("")))
    }

    @Test func plainRequestsGoThroughIt() throws {
        let (server, proxy) = (try TestServer("http/server.py"), try TestServer("http/proxy.py"))
        let response = try transport(through: proxy).get(server.url("/echo", host: "somewhere.test")).get()
        #expect(response.status == 200)
        #expect(try count(proxy) == "1")
    }

    @Test func tlsGoesThroughATunnel() throws {
        let certificates = try Certificates.shared.get()
        let (server, proxy) = (try certificates.server("server"), try TestServer("http/proxy.py"))
        let transport = try transport(through: proxy, caFile: certificates.authority)
        for number in 1...3 {
            let response = try transport.get(server.url("/echo", scheme: "https", host: "localhost")).get()
            #expect(response.headers["x-request"] == "\(number)")
            #expect(response.headers["x-proxy"] == nil)
        }
        #expect(try count(proxy) == "1")
        // the proxy cannot stand in for the server
        let failure = try #require(
            transport.get(server.url("/echo", scheme: "https", host: "somewhere.test")).failure)
        #expect(failure.kind == .tls)
        #expect(!failure.mayHaveArrived)
    }

    @Test func aTunnelThatIsRefused() throws {
        let certificates = try Certificates.shared.get()
        let (server, proxy) = (try certificates.server("server"), try TestServer("http/proxy.py", "--deny"))
        let transport = try transport(through: proxy, caFile: certificates.authority)
        let failure = try #require(transport.get(server.url("/echo", scheme: "https", host: "localhost")).failure)
        #expect(failure.kind == .connect)
        #expect(!failure.mayHaveArrived)
    }

    @Test func aProxyThatIsNotThere() throws {
        let transport = try CurlTransport(options: HTTPOptions(proxy: "http://user:hidden@127.0.0.1:1"))
        let failure = try #require(transport.get("http://somewhere.test/").failure)
        #expect(failure.kind == .connect)
        #expect(!failure.message.contains("hidden"))
    }

    /// libcurl's words repeat a URL that it does not take.
    @Test(arguments: ["http://user:hidden@host:99999", "foo://user:hidden@host", "http://user:hidden@no-such.invalid"])
    func aProxysPasswordIsNotTold(_ proxy: String) throws {
        for url in ["http://somewhere.test/", "https://somewhere.test/"] {
            let failure = try #require(try CurlTransport(options: HTTPOptions(proxy: proxy)).get(url).failure)
            #expect(!failure.message.contains("hidden"), "\(failure.message)")
        }
    }

    @Test func whatAProxyIs() {
        for usable in ["", "proxy.test", "proxy.test:8080", "http://u:p@proxy.test:8080", "socks5h://[::1]:1080"] {
            #expect(HTTPOptions(proxy: usable).hasUsableProxy, "\(usable)")
        }
        for wrong in ["http://u:p@host:99999", "foo://host", "http://", "ftp://host", "a b"] {
            #expect(!HTTPOptions(proxy: wrong).hasUsableProxy, "\(wrong)")
        }
    }

    /// Plain http is allowed to this machine because it does not leave it.
    @Test func plainHTTPToThisMachineGoesThroughNoProxy() throws {
        let (server, proxy) = (try TestServer("http/server.py"), try TestServer("http/proxy.py"))
        for host in ["127.0.0.1", "localhost"] {
            #expect(try transport(through: proxy).get(server.url("/echo", host: host)).get().status == 200)
        }
        #expect(try count(proxy) == "0")
    }

    @Test func theUsualVariables() throws {
        func settings(_ environment: [String: String], configured: String? = nil) -> ProxySettings {
            ProxySettings(configured) { environment[$0] }
        }
        let usual = settings(["http_proxy": "a", "HTTPS_PROXY": "b", "no_proxy": "c", "NO_PROXY": "d"])
        #expect(usual.proxy(for: try #require(URL("http://x.test"))) == "a")
        #expect(usual.proxy(for: try #require(URL("https://x.test"))) == "b")
        #expect(usual.exceptions == "c")
        #expect(settings(["HTTP_PROXY": "a"]).http == "")  // httpoxy
        let all = settings(["ALL_PROXY": "a", "https_proxy": "b"])
        #expect((all.http, all.https, all.exceptions) == ("a", "b", ""))
        let configured = settings(["http_proxy": "a", "no_proxy": "*"], configured: "")
        #expect((configured.http, configured.https, configured.exceptions) == ("", "", ""))
    }
}
