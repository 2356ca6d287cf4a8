/// What the browser shows when it has come back.
struct CallbackPage: Equatable {
    var status: String
    var title: String
    var text: String

    static func connected(_ app: String) -> CallbackPage {
        CallbackPage(status: "200 OK", title: "Connected", text: "\(app) is connected. You can close this window.")
    }

    static func failed(_ reason: String) -> CallbackPage {
        CallbackPage(
            status: "400 Bad Request", title: "Not connected",
            text: "The reason: \(Text.sentence(reason)) The terminal says how to go on.")
    }

    static let notFound = CallbackPage(status: "404 Not Found", title: "Not found", text: "There is nothing here.")

    static let malformed = CallbackPage(
        status: "400 Bad Request", title: "Bad request", text: "This request cannot be understood.")

    /// The whole HTTP response.
    var response: String {
        let body = """
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <meta name="color-scheme" content="light dark">
            <title>\(Self.escaped(title))</title>
            <h1>\(Self.escaped(title))</h1>
            <p>\(Self.escaped(text))</p>
            </html>

            """
        return Self.lines(
            "HTTP/1.1 \(status)", "content-type: text/html; charset=utf-8", "content-length: \(body.utf8.count)",
            "cache-control: no-store", "content-security-policy: default-src 'none'; frame-ancestors 'none'",
            "referrer-policy: no-referrer", "x-content-type-options: nosniff", "connection: close", "") + body
    }

    private static func lines(_ lines: String...) -> String { lines.map { $0 + "\r\n" }.joined() }

    private static func escaped(_ text: String) -> String {
        let names: [Character: String] = ["&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;", "'": "&#39;"]
        return text.map { names[$0] ?? String($0) }.joined()
    }
}
