import HTTPTypes
import Hummingbird
import NIOCore

/// The form in which administrators enter a management key.
struct KeyForm {
    /// A path of the service's own.
    let next: String
    let isRefused: Bool

    var response: Response {
        var response = Response.text(html, isRefused ? .unauthorized : .ok, type: "text/html; charset=utf-8")
        response.headers[.contentSecurityPolicy] =
            "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        response.headers[.referrerPolicy] = "no-referrer"
        return response
    }

    private var html: String {
        let refusal = isRefused ? "<p role=\"alert\">The management key is not accepted.</p>" : ""
        return """
            <!doctype html><html lang="en"><head><meta charset="utf-8">\
            <meta name="viewport" content="width=device-width, initial-scale=1">\
            <meta name="color-scheme" content="light dark"><title>Sign in</title></head><body><main><h1>Sign in</h1>\
            \(refusal)<form method="post" action="/sign-in?next=\(escaped)">\
            <p><label for="key">Management key</label></p>\
            <p><input id="key" name="key" type="password" autocomplete="off" required autofocus></p>\
            <p><button type="submit">Sign in</button></p></form></main></body></html>

            """
    }

    /// As a parameter in an attribute.
    private var escaped: String {
        next.utf8.map { byte in
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "-")
            if isPlain { return String(UnicodeScalar(byte)) }
            let digits = String(byte, radix: 16, uppercase: true)
            return "%" + (digits.count == 1 ? "0" : "") + digits
        }.joined()
    }
}
