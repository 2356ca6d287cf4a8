import HTTPTypes
import Testing

@testable import Service

@Suite struct ClientAddressTests {
    private let address = ClientAddress(trusted: ["10.0.0.0/8", "::1"].compactMap(AddressRange.init))

    @Test(arguments: [
        // Nobody but a proxy is believed.
        ("192.0.2.1", "for=198.51.100.7", "192.0.2.1"), ("10.0.0.1", "for=198.51.100.7", "198.51.100.7"),
        ("::ffff:10.0.0.1", "for=198.51.100.7", "198.51.100.7"),
        // The last one that is no proxy of ours; what stands before it anybody may have written.
        ("10.0.0.1", "for=1.2.3.4, for=198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "for=198.51.100.7, for=10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "for=198.51.100.7;proto=https;by=10.0.0.1", "198.51.100.7"),
        ("10.0.0.1", "For=\"198.51.100.7:4711\"", "198.51.100.7"),
        ("::1", "for=\"[2001:db8::7]:4711\"", "2001:db8::7"),
        // Hidden, or nonsense: then it is the proxy.
        ("10.0.0.1", "for=_hidden", "10.0.0.1"), ("10.0.0.1", "for=unknown", "10.0.0.1"),
        ("10.0.0.1", "for=10.0.0.0/8", "10.0.0.1"), ("10.0.0.1", "by=1.2.3.4", "10.0.0.1"),
        ("10.0.0.1", ",", "10.0.0.1"),
    ])
    func theProxyIsAskedWhereARequestCameFrom(peer: String, forwarded: String, found: String) {
        #expect(address.find(peer: peer, [.forwarded: forwarded]) == found)
    }

    @Test func theOlderHeaderDoesToo() {
        #expect(address.find(peer: "10.0.0.1", [.forwardedFor: "1.2.3.4, 198.51.100.7"]) == "198.51.100.7")
        #expect(address.find(peer: "192.0.2.1", [.forwardedFor: "198.51.100.7"]) == "192.0.2.1")
    }
}

@Suite struct AddressRangeTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.128.0.0/9", "10.127.0.1", false),
        ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("0.0.0.0/0", "203.0.113.9", true),
        ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("10.0.0.0/8", "nonsense", false), ("::/0", "10.0.0.1", false),
    ])
    func itHoldsWhatBeginsLikeIt(range: String, address: String, holds: Bool) throws {
        #expect(try #require(AddressRange(range)).contains(address) == holds)
    }

    @Test(arguments: ["", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "host.example", "10.0.0/8"])
    func whatIsNoRangeIsNone(text: String) { #expect(AddressRange(text) == nil) }
}

@Suite struct CookieTests {
    private let cookie = Cookie("session", isSecure: true)

    @Test func itsNameAndAttributesKeepOthersOut() {
        #expect(
            cookie.setting("x", seconds: 60) == "__Host-session=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure")
    }

    @Test(
        arguments: [
            ("__Host-session=a", "a"), ("b=c; __Host-session=a; d=e", "a"), ("session=a", nil),
            ("__Host-session=", nil),
            ("__Host-session=a; __Host-session=b", nil), ("", nil),
        ] as [(String, String?)])
    func whatIsThereTwiceIsNobodys(header: String, value: String?) {
        #expect(cookie.value(in: [.cookie: header]) == value)
    }
}

@Suite struct ThrottleTests {
    private let begun = ContinuousClock.now

    @Test func afterManyRefusalsAnAddressWaits() {
        let throttle = Throttle.ofRefusals()
        for _ in 0..<20 {
            #expect(throttle.wait("a", now: begun) == nil)
            throttle.count("a", now: begun)
        }
        #expect(throttle.wait("a", now: begun) == 3)
        #expect(throttle.wait("b", now: begun) == nil)
        #expect(throttle.wait("a", now: begun + .seconds(3)) == nil)
        throttle.count("a", now: begun + .seconds(3))
        #expect(throttle.wait("a", now: begun + .seconds(3)) == 3)
        #expect(throttle.wait("a", now: begun + .seconds(600)) == nil)
    }

    @Test(arguments: [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true), ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
        ("192.0.2.1", "::ffff:192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
    ])
    func anIPv6NetworkIsSomebodysAsAWhole(one: String, other: String, isTheSame: Bool) {
        let throttle = Throttle.ofRefusals()
        for _ in 0..<20 { throttle.count(one, now: begun) }
        #expect((throttle.wait(other, now: begun) != nil) == isTheSame)
    }

    @Test func manyAddressesAreForgotten() {
        let throttle = Throttle.ofRefusals()
        for number in 0..<20_000 { throttle.count("\(number)", now: begun) }
        for _ in 0..<21 { throttle.count("19999", now: begun) }
        #expect(throttle.wait("19999", now: begun) != nil)
    }
}

@Suite struct PublicURLTests {
    @Test(
        arguments: [
            ("https://a.example", "a.example", true), ("https://a.example", "A.example:443", true),
            ("https://a.example", "a.example:8443", false), ("http://127.0.0.1:8080", "127.0.0.1:8080", true),
            ("http://127.0.0.1:8080", "localhost:8080", false), ("https://a.example/", "evil.example", false),
            ("https://a.example", nil, false),
        ] as [(String, String?, Bool)])
    func aRequestIsForItsHostAlone(url: String, host: String?, isNamed: Bool) throws {
        #expect(try PublicURL(url, setting: "publicUrl").isNamed(by: host) == isNamed)
    }

    @Test(arguments: [
        "", "a.example", "ftp://a.example", "https://", "https://a.example/b", "https://u@a.example", "https://a?b",
    ])
    func whatIsNoURLOfASiteIsRefused(text: String) {
        #expect(throws: ServiceError.self) { try PublicURL(text, setting: "publicUrl") }
    }
}

@Suite struct FrontendTests {
    @Test(
        arguments: [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", nil), ("00-xyz-1-1", nil), ("", nil),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", nil),
        ] as [(String, String?)])
    func aTraceIsNamedByItsID(parent: String, id: String?) { #expect(Frontend.traceID(parent) == id) }

    @Test(
        arguments: [
            ("/connections/?x=1", "/connections/?x=1"), ("https://evil.example", "/connections/"),
            (nil, "/connections/"),
            ("//evil.example/connections/", "/connections/"), ("/connections/\\evil", "/connections/"),
            ("/connections/\r\nx: y", "/connections/"), ("/other", "/connections/"),
        ] as [(String?, String)])
    func aSignInLeadsToPagesAlone(next: String?, target: String) { #expect(SignIn.own(next) == target) }
}

@Suite struct MetricsTests {
    @Test func theyCountWhatWasAnswered() {
        let metrics = Metrics()
        #expect(metrics.begin() == 1)
        metrics.end(route: .api, method: "POST", status: 200, seconds: 0.003)
        #expect(metrics.begin() == 1)
        metrics.end(route: .api, method: "POST", status: 200, seconds: 30)
        let lines = metrics.text.split(separator: "\n")
        for line in [
            "descope_conn_http_in_flight 0",
            "descope_conn_http_requests_total{route=\"api\",method=\"POST\",status=\"200\"} 2",
            "descope_conn_http_request_seconds_bucket{route=\"api\",le=\"0.0025\"} 0",
            "descope_conn_http_request_seconds_bucket{route=\"api\",le=\"0.005\"} 1",
            "descope_conn_http_request_seconds_bucket{route=\"api\",le=\"10.0\"} 1",
            "descope_conn_http_request_seconds_bucket{route=\"api\",le=\"+Inf\"} 2",
            "descope_conn_http_request_seconds_count{route=\"api\"} 2",
        ] {
            #expect(lines.contains { $0 == line }, "\(line)")
        }
    }
}

@Suite struct ExpiringTests {
    @Test func whatIsKeptEnds() {
        let kept = Expiring<Int>(lifetime: .seconds(60), maxCount: 4)
        let begun = ContinuousClock.now
        kept.keep(1, at: "a", now: begun)
        #expect(kept.find("a", now: begun + .seconds(59)) == 1)
        #expect(kept.find("a", now: begun + .seconds(60)) == nil)
        #expect(kept.take("a", now: begun) == 1)
        #expect(kept.take("a", now: begun) == nil)
    }

    @Test func thereAreNeverTooMany() {
        let kept = Expiring<Int>(lifetime: .seconds(60), maxCount: 4)
        let begun = ContinuousClock.now
        for number in 0..<10 { kept.keep(number, at: "\(number)", now: begun + .seconds(number)) }
        #expect((0..<10).count { kept.find("\($0)", now: begun + .seconds(10)) != nil } <= 4)
        #expect(kept.find("9", now: begun + .seconds(10)) == 9)
    }
}
