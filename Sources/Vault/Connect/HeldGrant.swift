internal import Connections
internal import Crypto
internal import JSON
internal import Runtime

/// A grant that nobody can fetch yet: whoever the connect URL was made for types the code that the browser of whoever
/// granted it shows.
struct HeldGrant: Record {
    /// Seconds.
    static let lifetime: Int64 = 600
    /// Wrong codes, after which the grant is thrown away.
    static let maxTries: Int64 = 5

    let token: TokenRecord
    /// The connection's client, which got it.
    let clientID: ID?
    /// The connection's.
    let incarnation: ID?
    let redirectURL: String?
    /// Six decimal digits.
    let code: String
    /// The row of the outbox that revokes the grant if nobody confirms it.
    let revocation: [UInt8]?
    /// Codes that were typed.
    var tries: Int64 = 0

    init(_ token: TokenRecord, of app: AppRecord, redirectURL: String?, revocation: [UInt8]?) {
        self.token = token
        clientID = app.clientID
        incarnation = app.incarnation
        self.redirectURL = redirectURL
        self.revocation = revocation
        code = TypedCode(Crypto.random(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } % 1_000_000).digits
    }

    init?(json: JSON) {
        guard let token = json["token"].flatMap(TokenRecord.init),
            let code = json["code"]?.string, let tries = json["tries"]?.integer
        else { return nil }
        self.token = token
        redirectURL = json["redirectUrl"]?.string
        self.code = code
        self.tries = tries
        clientID = json["clientId"]?.id
        incarnation = json["incarnation"]?.id
        revocation = json["revocation"]?.string.flatMap(Crypto.fromHex)
    }

    var json: JSON {
        .object([
            "token": token.json, "clientId": clientID.map(JSON.string), "redirectUrl": redirectURL.map(JSON.string),
            "code": .string(code), "tries": .integer(tries),
            "incarnation": incarnation.map(JSON.string), "revocation": revocation.map { .string(Crypto.hex($0)) },
        ])
    }

    /// For people: `483-920`.
    var shownCode: String { "\(code.prefix(3))-\(code.suffix(3))" }

    func isConfirmed(by typed: TypedCode) -> Bool { Secret(typed.digits).equals(Secret(code)) }
}
