import DescopeConn
import HTTPTypes
import Hummingbird
import NIOCore

extension Response {
    /// What the library answers.
    init(_ answer: HttpAnswer) {
        var fields = HTTPFields()
        for (name, value) in answer.headers {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        self.init(
            status: HTTPResponse.Status(code: answer.status), headers: fields,
            body: ResponseBody(byteBuffer: ByteBuffer(string: answer.body.value)))
    }

    /// A short text, such as what health checks read.
    static func text(_ text: String, _ status: HTTPResponse.Status = .ok, type: String = "text/plain; charset=utf-8")
        -> Response
    {
        Response(
            status: status,
            headers: [.contentType: type, .cacheControl: "no-store", .xContentTypeOptions: "nosniff"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    /// An error in the form of Descope's API.
    static func error(
        _ status: HTTPResponse.Status, _ code: String, _ words: String, retryAfter: Int? = nil
    ) -> Response {
        var response = text(
            "{\"errorCode\":\"\(code)\",\"errorDescription\":\"\(words)\",\"errorMessage\":\"\(words)\"}", status,
            type: "application/json")
        if let retryAfter { response.headers[.retryAfter] = String(retryAfter) }
        return response
    }

    /// Leads the browser on, by GET.
    static func leading(to url: String, cookies: [String] = []) -> Response {
        var response = Response(status: .seeOther, headers: [.location: url, .cacheControl: "no-store"])
        for cookie in cookies { response.headers.append(HTTPField(name: .setCookie, value: cookie)) }
        return response
    }
}
