import Runtime
import TestSupport
import Testing

@testable import HTTP

@Suite struct AddressPolicyTests {
    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1",
        "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1",
        "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
        "240.0.0.1", "255.255.255.255",
        "[::]", "[::1]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:8.8.8.8]", "[64:ff9b::10.0.0.1]",
        "[64:ff9b::169.254.169.254]", "[64:ff9b:1::8.8.8.8]", "[100::1]", "[2001::1]", "[2001:1ff:ffff::1]",
        "[2001:db8::1]", "[2002:7f00:1::]", "[3fff::1]", "[3fff:fff::1]", "[5f00::1]", "[fc00::1]", "[fd12::1]",
        "[fe80::1]", "[fec0::1]", "[ff02::1]",
        "localhost", "localhost.", "a.localhost", "127.0.0.1.",
    ]) func refused(_ host: String) {
        #expect(AddressPolicy.refusesLiteral(host))
    }

    @Test(arguments: [
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.0", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255",
        "198.17.255.255",
        "198.20.0.0", "223.255.255.255",
        "[2001:200::1]", "[2606:4700::1111]", "[2a00:1450::1]", "[64:ff9b::8.8.8.8]", "[3ffe::1]", "[2003::1]",
        "localhost.example.com", "api.descope.com", "10.0.0.1.example.com",
    ]) func allowed(_ host: String) {
        #expect(!AddressPolicy.refusesLiteral(host))
    }

    @Test func onlyWholeAddressesArePublic() {
        #expect(!AddressPolicy.isPublic([]))
        #expect(!AddressPolicy.isPublic([8, 8, 8]))
    }

    // URL has hosts in the one form that libcurl connects to.
    @Test(arguments: [
        "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/", "http://127.0.0.%31/",
    ])
    func otherSpellings(_ text: String) throws {
        #expect(AddressPolicy.refusesLiteral(try #require(URL(text)).host))
    }
}

@Suite struct BlockedAddressTests {
    private func request(_ url: String) -> HTTPRequest {
        HTTPRequest(.get, url, timeoutMilliseconds: 30_000, publicAddressesOnly: true)
    }

    @Test func literalAddressesAndNamesOfThisMachine() throws {
        let server = try TestServer("http/server.py")
        let transport = try directTransport()
        for host in ["127.0.0.1", "localhost", "LOCALHOST", "2130706433", "[::1]", "[::ffff:127.0.0.1]"] {
            let failure = try #require(transport.send(request(server.url("/echo", host: host))).failure)
            #expect(failure.kind == .blockedAddress)
            #expect(!failure.mayHaveArrived)
        }
        #expect(try transport.get(server.url("/arrivals?/echo")).get().text == "0")
    }

    /// The machine's own name is in its hosts file, with an address that is not public.
    @Test func aNameThatLeadsInside() throws {
        let server = try TestServer("http/server.py")
        let transport = try directTransport()
        let name = try #require(privateName(), "this machine has no name that resolves to a private address")
        // also when a connection is there that an unrestricted exchange has opened
        _ = transport.get(server.url("/echo", host: name))
        let failure = try #require(transport.send(request(server.url("/echo", host: name))).failure)
        #expect(failure.kind == .blockedAddress)
        let engine = try transport.makeEngine()
        engine.start(request(server.url("/echo", host: name)), id: 1)
        #expect(engine.collect(1)[1]?.failure?.kind == .blockedAddress)
    }

    @Test func aProxyIsTheOperatorsChoiceButNotWhatLiesBehindIt() throws {
        let (server, proxy) = (try TestServer("http/server.py"), try TestServer("http/proxy.py"))
        let transport = try CurlTransport(options: HTTPOptions(proxy: proxy.url("")))
        #expect(try transport.send(request(server.url("/echo", host: "somewhere.test"))).get().status == 200)
        for host in ["127.0.0.1", "localhost"] {
            #expect(transport.send(request(server.url("/echo", host: host))).failure?.kind == .blockedAddress)
        }
    }
}
