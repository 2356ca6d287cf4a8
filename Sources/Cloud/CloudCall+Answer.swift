internal import Connections
internal import HTTP
internal import JSON
internal import Runtime

extension CloudCall {
    /// Sends the call, and makes the operation's answer from Descope's.
    func answer(to fields: JSON) throws(ConnError) -> Step<JSON> {
        try send().result { (result) throws(ConnError) in
            switch result {
            case .success(let reply):
                return .done(try answer(reply, to: fields))
            case .failure(let error):
                guard endpoint.reply == .gone, error.errorCode == Refusal.tokenNotFound else { throw error }
                return .done(.object())
            }
        }
    }

    private func answer(_ reply: JSON, to fields: JSON) throws(ConnError) -> JSON {
        switch endpoint.reply {
        case .nothing, .gone:
            return .object()
        case .url:
            return .object(["url": .string(try url(in: reply))])
        case .token:
            return .object(["token": try token(in: reply, fields)])
        case .failures:
            return .object(["failures": .array((try array("failures", in: reply)).map(clean))])
        case .appIDs:
            return .object(["tokens": .array(try connected(reply, fields))])
        case .app:
            guard let app = reply["app"], app.kind == .object else { throw lacks("app") }
            return .object(["app": withoutSecret(app)])
        case .apps:
            return .object(["apps": .array((try array("apps", in: reply)).map(withoutSecret))])
        }
    }

    /// The URL that a user's browser is to open.
    func url(in reply: JSON) throws(ConnError) -> String {
        guard let text = reply["url"]?.string, let url = URL(text), ["https", "http"].contains(url.scheme) else {
            throw lacks("url")
        }
        return text
    }

    func token(in reply: JSON, _ fields: JSON) throws(ConnError) -> JSON {
        let withRefreshToken = fields["options"]?["withRefreshToken"]?.boolean ?? false
        let token = reply["token"].flatMap { TokenAnswer.normalized($0, withRefreshToken: withRefreshToken) }
        guard let token else { throw lacks("token.accessToken") }
        if let words = token["lastRefreshError"] {
            let redaction = redaction.adding(ForeignSecrets.inside(reply))
            token.set("lastRefreshError", .string(redaction.clean(words) ?? ""))
        }
        return token
    }

    /// Descope names the connections where the user has a valid token, and says no more about it.
    private func connected(_ reply: JSON, _ fields: JSON) throws(ConnError) -> [JSON] {
        let only = fields["appId"]
        let appIDs = try array("appIds", in: reply)
        guard appIDs.allSatisfy({ $0.kind == .string }) else { throw lacks("appIds") }
        return appIDs.filter { only?.equals($0) != false }.map { appID in
            .object([
                "appId": appID, "userId": fields["userId"], "tenantId": fields["tenantId"],
                "status": .string("active"),
            ])
        }
    }

    private func withoutSecret(_ app: JSON) -> JSON {
        let app = app.shallowCopy()
        app.remove("clientSecret")
        return app
    }

    /// An array; absent and null are an empty one, as protobuf's JSON form has it.
    private func array(_ name: String, in reply: JSON) throws(ConnError) -> [JSON] {
        guard let array = reply[name] else { return [] }
        guard array.kind == .array else { throw lacks(name) }
        return array.elements
    }

    private func lacks(_ name: String) -> ConnError { unreadable("answered without \(name)") }
}
