import Runtime
import Testing

@testable import HTTP

@Suite struct URLTests {
    @Test func parts() throws {
        let url = try #require(URL("HTTPS://Api.Example.COM:8443/a%20b/../c?x=1&y=%C3%BC#f"))
        #expect(url.scheme == "https")
        #expect(url.host == "api.example.com")
        #expect(url.port == 8443)
        #expect(url.query == "x=1&y=%C3%BC")
        #expect(url.fragment == "f")
        #expect(url.origin == "https://api.example.com:8443")
        #expect(!url.hasUserInfo)
        #expect(try #require(URL("https://u@x.test/")).hasUserInfo)
        #expect(try #require(URL("http://[2001:DB8::1]/")).host == "[2001:db8::1]")
    }

    /// U+212A is another sign for K, and Swift's lower case of it is k.
    @Test func lettersThatAreNoASCIIStay() throws {
        #expect(try #require(URL("https://\u{212A}.Example/")).host.utf8.elementsEqual("\u{212A}.example".utf8))
    }

    @Test(arguments: [
        "", "/path", "example.com", "https://a b/", "https://x\0y/", "https://x:0x1/", "https://x:70000/",
    ])
    func noURL(_ text: String) { #expect(URL(text) == nil) }

    @Test func noHost() throws { #expect(try #require(URL("https://")).host.isEmpty) }

    @Test(arguments: [
        "https://api.example.com", "https://api.example.com/v1?x=1", "http://localhost:8080/", "http://127.0.0.1/",
        "http://[::1]:80/", "http://127.8.9.10/",
    ]) func secureEndpoints(_ text: String) { #expect(URL(text)?.isSecureEndpoint == true) }

    @Test(arguments: [
        "http://api.example.com", "http://localhost.example.com/", "http://128.0.0.1/", "https://u:p@x.test/",
        "https://x.test/#f", "ftp://x.test/", "https://", "http://127.0.0.1.example.com/", "custom://localhost/",
    ]) func insecureEndpoints(_ text: String) { #expect(URL(text)?.isSecureEndpoint != true) }

    @Test(arguments: ["https://app.test/cb?x=1", "http://app.test/cb", "myapp://callback", "com.example.app:/callback"])
    func safeRedirects(_ text: String) { #expect(URL(text)?.isSafeRedirect == true) }

    @Test(arguments: [
        "javascript://x.test/%0aalert(1)", "JavaScript:alert(1)", "data:text/html,x", "file:///etc/passwd",
        "vbscript://x", "blob://x", "about:blank", "https://app.test/#x", "https://u:p@app.test/", "nonsense",
    ]) func unsafeRedirects(_ text: String) { #expect(URL(text)?.isSafeRedirect != true) }

    @Test func encoding() {
        #expect(URL.encode("AZaz09-._~") == "AZaz09-._~")
        #expect(URL.encode(" /?&=+%#\n\u{1}ü") == "%20%2F%3F%26%3D%2B%25%23%0A%01%C3%BC")
        #expect(URL.query([("a b", "c&d"), ("e", "")]) == "a%20b=c%26d&e=")
        #expect(URL.appending([("a", "b")], to: "https://x.test/") == "https://x.test/?a=b")
        #expect(URL.appending([("a", "b")], to: "https://x.test/?y") == "https://x.test/?y&a=b")
        #expect(URL.appending([], to: "https://x.test/") == "https://x.test/")
    }

    @Test(arguments: ["1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "1.2..4", "+1.2.3.4", "a.b.c.d", ""])
    func noIPv4(_ text: String) { #expect(IPv4(text) == nil) }
}

@Suite struct DeadlineTests {
    @Test func ends() {
        #expect(Deadline.after(milliseconds: .max) == .never)
        #expect(Deadline.after(milliseconds: -1).hasPassed)
        #expect(!Deadline.never.hasPassed)
        #expect(Deadline.never.remainingMilliseconds(atMost: 7) == 7)
        #expect(Deadline.now.remainingMilliseconds(atMost: 7) == 0)
        #expect(Deadline.after(milliseconds: 1_000_000).remainingMilliseconds(atMost: 7) == 7)
        #expect((1...60_000).contains(Deadline.after(milliseconds: 60_000).remainingMilliseconds(atMost: .max)))
    }

    @Test func theHeapGivesMomentsInOrder() {
        var heap = MomentHeap()
        var random = SystemRandomNumberGenerator()
        let moments = (0..<1000).map { _ in UInt64.random(in: 0..<500, using: &random) }
        for moment in moments { heap.insert(Deadline(nanoseconds: moment), id: moment) }
        heap.insert(.never, id: 1)
        heap.insert(Deadline(nanoseconds: 500), id: 500)
        let early = heap.popDue(at: Deadline(nanoseconds: 0))
        #expect(early == (moments.contains(0) ? 0 : nil))
        var seen = early.map { [$0] } ?? []
        while let id = heap.popDue(at: .never) { seen.append(id) }
        #expect(seen == moments.sorted() + [500])
        #expect(heap.earliest == .never)
    }

    @Test func theHeapForgetsWhatIsOver() {
        var heap = MomentHeap()
        let living: Set<UInt64> = [1, 70_000]
        for id in UInt64(1)...100_000 {
            heap.prune { id - $0 < 10 || living.contains($0) }
            heap.insert(Deadline(nanoseconds: 1_000_000 - id), id: id)
        }
        #expect(heap.count <= 2048)
        var seen: [UInt64] = []
        while let id = heap.popDue(at: .never) { seen.append(id) }
        #expect(seen == seen.sorted(by: >))
        #expect(seen.first == 100_000 && seen.contains(70_000) && seen.last == 1)
    }
}
