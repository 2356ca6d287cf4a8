import Connections
import Foundation
import JSON
import TestSupport
import Testing

@testable import Pages

@Suite struct PageTests {
    private let site: Site

    init() throws { site = try Site() }

    @Test(arguments: ["/", "/connect", "/connected", "/key", "/disconnect"]) func eachPageNeedsAUser(path: String)
        throws
    {
        #expect(try site.get(path, [("app", "weather")], as: nil).status == 401)
        let answer = try site.get(
            path, [("app", "weather")], as: nil, more: ["signInUrl": "https://id.example/sign-in?a=b"])
        #expect(answer.status == 303)
        #expect(
            answer.location
                == "https://id.example/sign-in?a=b&next=%2Fconnections"
                + "\(path.replacingOccurrences(of: "/", with: "%2F"))%3Fapp%3Dweather")
    }

    @Test func whoIsSignedInCanSignOut() throws {
        let more: JSON = ["signOutUrl": "https://id.example/sign-out?a=b&c"]
        #expect(
            try site.get("/", more: more).body.contains(
                #"<a href="https://id.example/sign-out?a=b&amp;c">Sign out</a>"#))
        #expect(!(try site.get("/").body.contains("Sign out")))
        #expect(!(try site.get("/", as: nil, more: more).body.contains("Sign out")))
    }

    /// Every answer, whatever was asked.
    @Test(arguments: ["/", "/connect", "/key", "/callback", "/nope", "/connected", "/disconnect"])
    func noPageIsKeptFramedOrSentOn(path: String) throws {
        let page = try site.get(path, [("app", "weather")])
        let policy = page.header("content-security-policy") ?? ""
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action"] {
            #expect(page.location != nil || policy.contains(part), "\(part)")
        }
        #expect(!policy.contains("unsafe"))
        #expect(page.header("cache-control") == "no-store")
        #expect(page.header("x-content-type-options") == "nosniff")
        #expect(page.header("referrer-policy") == "same-origin")
    }

    @Test(arguments: [
        ("POST", "/", "GET"), ("PUT", "/key", "GET, POST"), ("DELETE", "/", "GET"), ("POST", "/callback", "GET"),
        ("", "/", "GET"), ("get", "/", "GET"), ("HEAD", "/callback", "GET"), ("HEAD", "/connect", "GET"),
    ])
    func otherMethodsAreRefused(method: String, path: String, allowed: String) throws {
        let answer = try site.send(method, path, [("app", "weather")])
        #expect(answer.status == 405)
        #expect(answer.header("allow") == allowed)
        #expect(method != "HEAD" || answer.body.isEmpty)
    }

    /// Anybody can send somebody a callback, with words of their own.
    @Test func wordsOfNobodysCallbackAreNotShown() throws {
        let page = try site.get(
            "/callback", [("state", "x"), ("error", "call-us"), ("error_description", "Your account is locked")],
            as: nil)
        #expect(!page.body.contains("locked"))
        #expect(!page.body.contains("call-us"))
    }

    @Test(arguments: ["https://app.example.com:443/connections", "https://app.example.com:443/connections/"])
    func aDefaultPortIsNoPartOfAnOrigin(base: String) throws {
        let page = try site.get("/key", [("app", "weather")], more: ["base": .string(base)])
        let body = "form=\(page.formToken ?? "")&key=sk"
        let posted = try site.send(
            "POST", "/key", [("app", "weather")],
            more: ["base": .string(base), "headers": Site.formHeaders, "body": .string(body)])
        #expect(posted.status == 303)
    }

    @Test(arguments: ["/static/", "/static/../key", "/..", "//", "", "/%2e", "/key/", "nope", "/\u{0}"])
    func whatIsNoPageIsNone(path: String) throws {
        let expected: Int64 = path.isEmpty ? 200 : 404
        #expect(try site.get(path).status == expected)
    }

    @Test func theStyleIsKeptForEverUnderAPathThatNamesItsBytes() throws {
        let page = try site.get("/")
        let link = page.body.range(of: #"/static/[A-Za-z0-9_-]{16}\.css"#, options: .regularExpression)
        let path = link.map { String(page.body[$0]) } ?? ""
        let style = try site.get(path, as: nil)
        #expect(style.header("content-type") == "text/css; charset=utf-8")
        #expect(style.header("cache-control")?.contains("immutable") == true)
        #expect(page.header("content-security-policy")?.contains("style-src \(Site.base)\(path);") == true)
        #expect(try site.send("POST", path).status == 405)
    }

    /// Ids and parameters may hold anything, and end up in URLs, attributes and text.
    @Test(arguments: ["\"><script>x</script>", "' onmouseover='x", "a&b=c", "jos\u{E9}", "a/b?c#d", "\u{202E}x", "%00"])
    func whateverIsShownIsEscaped(text: String) throws {
        try site.run(
            "apps.create",
            ["id": .string("app \(text)"), "name": .string(text), "appType": "apikey", "logo": .string(text)])
        let user: JSON = ["userId": .string(text), "name": .string(text)]
        for (path, query) in [("/", []), ("/key", [("app", "app \(text)")]), ("/connected", [("app", text)])] {
            let page = try site.get(path, query, as: user, more: ["product": .string(text)])
            #expect(!page.body.contains("<script>x"), "\(path)")
            #expect(!page.body.contains("' onmouseover='x"), "\(path)")
            #expect(!page.body.contains("\u{202E}"), "\(path)")
            #expect(!page.body.contains("<img"), "\(path)")
        }
        #expect(try site.get("/key", [("app", "app \(text)")], as: user).status == 200)
        #expect(try site.submit("/key", [("app", "app \(text)")], as: user, [("key", "k")]).status == 303)
    }

    @Test(arguments: [
        ("https://cdn.example/l.png", "img-src https://cdn.example;"), ("data:image/png;base64,AAAA", "img-src data:;"),
        ("javascript:alert(1)", nil), ("http://cdn.example/l.png", nil), ("data:text/html,x", nil),
        ("https://u:p@cdn.example/", nil), ("/l.png", nil), ("https://\u{65E5}\u{672C}.example/l.png", nil),
        ("https://x;script-src/l.png", nil),
    ])
    func logosAreImagesOfOtherSitesAtMost(logo: String, source: String?) throws {
        try site.run("apps.create", ["id": "logo", "appType": "apikey", "logo": .string(logo)])
        let page = try site.get("/key", [("app", "logo")])
        let policy = page.header("content-security-policy") ?? ""
        #expect(page.body.contains("<img") == (source != nil))
        #expect(source.map { policy.contains($0) } ?? !policy.contains("img-src"))
    }

    @Test(
        arguments: [
            ("de", nil, "de"), ("de-AT", nil, "de"), ("fr", nil, "en"), (nil, "de", "de"),
            (nil, "fr, de;q=0.5, en;q=0.1", "de"),
            (nil, "en;q=0.1, de;q=0.9", "de"), (nil, "de;q=0, en", "en"), ("en", "de", "en"), (nil, "", "en"),
            (nil, ",;q=,*;q=x,\u{0}", "en"), (nil, nil, "en"),
        ] as [(String?, String?, String)])
    func speaksTheUsersLanguage(locale: String?, accepted: String?, language: String) throws {
        let user: JSON = ["userId": "alice"]
        if let locale { user.set("locale", .string(locale)) }
        let headers: JSON = [:]
        if let accepted { headers.set("accept-language", .string(accepted)) }
        let page = try site.get("/", as: user, more: ["headers": headers])
        #expect(page.header("content-language") == language)
        #expect(page.body.contains("<html lang=\"\(language)\">"))
    }

    @Test func everyLanguageHasEveryTextWithTheSamePlaces() {
        let english = Texts(["en"])
        #expect(Texts.all.count >= 2)
        for texts in Texts.all {
            #expect(texts.missing == [], "\(texts.language)")
            #expect(texts.count == Texts.Name.allCases.count, "\(texts.language)")
            for name in Texts.Name.allCases {
                #expect(texts.places(of: name) == english.places(of: name), "\(texts.language): \(name)")
            }
        }
    }

    /// Hosts put them into headers, which take ASCII alone.
    @Test func headersAreASCII() throws {
        let elsewhere = try site.get("/", as: nil, more: ["signInUrl": "https://id.example/\u{65E5}?x=\u{E9}"])
        #expect(elsewhere.location?.hasPrefix("https://id.example/%E6%97%A5?x=%C3%A9&next=") == true)
    }

    @Test func theOpenersOriginIsAnOriginAndNoMore() throws {
        let page = try site.get(
            "/connected", [("app", "weather")], more: ["openerOrigin": "https://shop.example/some/page?x"])
        #expect(page.body.contains("data-origin=\"https://shop.example\""))
        #expect(page.header("cross-origin-opener-policy") == "unsafe-none")
        #expect(!(try site.get("/connected", [("app", "weather")]).body.contains("data-origin")))
    }

    @Test(arguments: [
        "https://app.example.com/c?x=y", "http://app.example.com/c", "/c", "javascript:x",
        "https://app.example.com/a;b",
        "https://app.example.com/a,b", "https://\u{FC}.example/c",
    ])
    func theBaseIsTheHosts(base: String) throws {
        #expect(throws: ConnError.self) { try site.get("/", more: ["base": .string(base)]) }
    }

    @Test func aFinalSlashOfTheBaseDoesNotMatter() throws {
        let page = try site.get("/", more: ["base": .string("\(Site.base)/")])
        #expect(page.body.contains("href=\"\(Site.base)/key?app=weather\""))
    }
}
