import HTTPTypes
import Hummingbird

/// A page of the service's own, about signing in and out. All others are the library's.
struct SignPage: Sendable {
    private let title: String
    private let status: HTTPResponse.Status
    /// What went wrong, for people.
    private var problem: String?
    /// HTML.
    private var content = ""

    /// The form in which administrators enter a management key.
    /// - Parameter next: a path of the service's own, where they were going to.
    static func managementKey(next: String, isRefused: Bool) -> SignPage {
        SignPage(
            title: "Sign in", status: isRefused ? .unauthorized : .ok,
            problem: isRefused ? "The management key is not accepted." : nil,
            content: """
                <form method="post" action="/sign-in?next=\(escaped(next))">\
                <label for="key">Management key</label>\
                <input id="key" name="key" type="password" autocomplete="off" required autofocus>\
                <button type="submit">Sign in</button></form>
                """)
    }

    static let signOut = SignPage(
        title: "Sign out", status: .ok,
        content: """
            <form method="post" action="/sign-out"><button type="submit">Sign out</button></form>\
            <p><a href="\(ServiceSettings.pagesPath)/">Stay signed in</a></p>
            """)

    static let signedOut = SignPage(
        title: "You are signed out", status: .ok,
        content: "<p><a href=\"\(ServiceSettings.pagesPath)/\">Sign in again</a></p>")

    static func failure(_ status: HTTPResponse.Status, _ problem: String) -> SignPage {
        SignPage(
            title: "This did not work", status: status, problem: problem,
            content: "<p><a href=\"\(ServiceSettings.pagesPath)/\">Start again</a></p>")
    }

    var response: Response {
        let nonce = RandomText.make()
        let alert = problem.map { "<p role=\"alert\">\($0)</p>" } ?? ""
        var response = Response.text(
            """
            <!doctype html><html lang="en"><head><meta charset="utf-8">\
            <meta name="viewport" content="width=device-width, initial-scale=1">\
            <meta name="color-scheme" content="light dark"><title>\(title)</title>\
            <style nonce="\(nonce)">\(Self.style)</style></head><body><main><h1>\(title)</h1>\(alert)\(content)</main></body></html>

            """, status, type: "text/html; charset=utf-8")
        response.headers[.contentSecurityPolicy] =
            "default-src 'none'; style-src 'nonce-\(nonce)'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        response.headers[.referrerPolicy] = "same-origin"
        return response
    }

    /// As the library's pages look.
    private static let style = """
        :root{--ground:#f6f7f9;--surface:#fff;--ink:#1b1f24;--line:#57606a;--main:#0b5cad;--on-main:#fff;--bad:#b3261e}\
        @media(prefers-color-scheme:dark){:root{--ground:#0f1318;--surface:#181d24;--ink:#e8ecf1;--line:#a3adb8;\
        --main:#8cc2ff;--on-main:#0a1a2b;--bad:#ff9b93}}\
        *{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}\
        main{max-width:26rem;margin:4rem auto;padding:1.5rem;background:var(--surface);border-radius:.75rem}\
        h1{font-size:1.5rem;margin:0 0 1rem}label{display:block;font-weight:600;margin:0 0 .25rem}a{color:var(--main)}\
        input,button{width:100%;min-height:2.75rem;padding:.5rem .75rem;font:inherit;border-radius:.5rem}\
        input{color:var(--ink);background:var(--surface);border:1px solid var(--line);margin:0 0 1rem}\
        button{color:var(--on-main);background:var(--main);border:0;cursor:pointer}[role=alert]{color:var(--bad)}\
        :focus-visible{outline:.1875rem solid var(--main);outline-offset:.125rem}
        """

    /// As a parameter in an attribute.
    private static func escaped(_ path: String) -> String {
        path.utf8.map { byte in
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "-")
            if isPlain { return String(UnicodeScalar(byte)) }
            let digits = String(byte, radix: 16, uppercase: true)
            return "%" + (digits.count == 1 ? "0" : "") + digits
        }.joined()
    }
}
