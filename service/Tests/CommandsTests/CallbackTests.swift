import DescopeConn
import Service
import Testing

@testable import Commands

@Suite struct QueryTests {
    @Test func whatAQueryHolds() {
        var query = Query("state=a%2Bb&code=x+y&code=z&empty=&flag&bad=%zz%4&%e2%82%ac=%ff")
        #expect(query.take("state") == "a+b")
        #expect(query.take("code") == ["x y", "z"])
        #expect(query.take("code") == nil)
        #expect(query.rest == ["empty": "", "flag": "", "bad": "%zz%4", "€": "\u{fffd}"])
        #expect(Query("").rest.isEmpty)
    }
}

@Suite struct RequestHeadTests {
    private func read(_ text: String) -> RequestHead.Reading { RequestHead.read(Array(text.utf8)) }

    @Test func aRequestIsReadWhenItIsWhole() {
        let text = "GET /callback?state=a HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAccept: */*\r\n\r\n"
        let whole = RequestHead(method: "GET", path: "/callback", query: "state=a", host: "127.0.0.1:80")
        #expect(read(text) == .whole(whole))
        #expect(read(text.replacing("\r\n", with: "\n")) == .whole(whole))
        for length in 0..<text.utf8.count {
            #expect(read(String(decoding: text.utf8.prefix(length), as: UTF8.self)) == .incomplete)
        }
    }

    @Test(arguments: [
        "\r\n\r\n", "nonsense\r\n\r\n", "GET x HTTP/1.1\r\n\r\n", "GET / HTTP/2\r\n\r\n", "GET /a b HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", String(repeating: "x", count: RequestHead.limit),
    ])
    func whatIsNoRequest(text: String) {
        #expect(read(text) == .malformed)
    }
}

@Suite struct CallbackPageTests {
    @Test func whatOthersSayIsText() {
        let response = CallbackPage.failed("<script>alert('x')</script> & more").response
        #expect(response.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; more."))
        #expect(response.contains("content-security-policy: default-src 'none'"))
        #expect(response.contains("cache-control: no-store"))
    }

    @Test func theLengthIsTheBodys() throws {
        let parts = CallbackPage.connected("café").response.split(separator: "\r\n\r\n", maxSplits: 1)
        let line = try #require(parts[0].split(separator: "\r\n").first { $0.hasPrefix("content-length:") })
        #expect(line == "content-length: \(parts[1].utf8.count)")
    }
}
