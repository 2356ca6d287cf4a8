internal import Connections
internal import Crypto
internal import JSON
internal import Runtime

/// What somebody did, for the audit. It never holds a secret.
struct AuditEvent: Sendable {
    var operation: String
    /// As the request named it.
    var actor: String?
    var appID: ID?
    var subject: Subject?
    var tokenID: ID?
    var keyID: String?
    var flowID: ID?
    /// `ok`, or what became of it otherwise, such as an error code.
    var outcome = "ok"

    init(
        _ operation: String, actor: String? = nil, appID: ID? = nil, subject: Subject? = nil,
        tokenID: ID? = nil, keyID: String? = nil, flowID: ID? = nil, outcome: String = "ok"
    ) {
        self.operation = operation
        self.actor = actor
        self.appID = appID
        self.subject = subject
        self.tokenID = tokenID
        self.keyID = keyID
        self.flowID = flowID
        self.outcome = outcome
    }
}

extension AuditEvent {
    /// What came of a refresh.
    static func refresh(_ row: Row<TokenRecord>, outcome: String) -> AuditEvent {
        AuditEvent(
            "refresh", appID: row.value.appID, subject: row.value.subject, tokenID: TokenLocation(key: row.key)?.id,
            outcome: outcome)
    }

    /// - Parameter token: nil when it does not open.
    func about(_ location: TokenLocation, _ token: TokenRecord?) -> AuditEvent {
        var event = self
        event.tokenID = location.id
        event.appID = token?.appID ?? appID
        event.subject = token?.subject ?? subject
        return event
    }
}

/// A link of a chain of the audit.
struct AuditRecord: Record {
    let place: AuditPlace
    /// Milliseconds since 1970, by the clock of the process that wrote it.
    let time: Int64
    /// The hash of the record before it in its chain.
    let previous: [UInt8]
    /// The last record of another chain that the process knew of and had not spoken of before: it must be there still.
    let witness: AuditMark?
    let event: AuditEvent

    init(place: AuditPlace, time: Int64, previous: [UInt8], witness: AuditMark?, event: AuditEvent) {
        self.place = place
        self.time = time
        self.previous = previous
        self.witness = witness
        self.event = event
    }

    init?(json: JSON) {
        // There was but one chain at first.
        guard let chain = Int(exactly: json["chain"]?.integer ?? 0), let sequence = json["sequence"]?.integer,
            let time = json["timeMs"]?.integer, let previous = json["previous"]?.string.flatMap(Crypto.fromHex),
            let operation = json["op"]?.string, let outcome = json["outcome"]?.string
        else { return nil }
        self.init(
            place: AuditPlace(chain, sequence), time: time, previous: previous,
            witness: json["witness"].flatMap(AuditMark.init(json:)),
            event: AuditEvent(
                operation, actor: json["actor"]?.string, appID: json["appId"]?.id, subject: json.subject,
                tokenID: json["tokenId"]?.id, keyID: json["keyId"]?.string,
                flowID: json["flowId"]?.id, outcome: outcome))
    }

    /// Also what `audit.list` answers.
    var json: JSON {
        let json = JSON.object([
            "chain": .integer(place.chain),
            "sequence": .integer(place.number),
            "timeMs": .integer(time),
            "op": .string(event.operation),
            "outcome": .string(event.outcome),
            "actor": event.actor.map(JSON.string),
            "appId": event.appID.map(JSON.string),
            "tokenId": event.tokenID.map(JSON.string),
            "keyId": event.keyID.map(JSON.string),
            "flowId": event.flowID.map(JSON.string),
            "previous": .string(Crypto.hex(previous)),
            "witness": witness?.json,
        ])
        if let subject = event.subject { json.setSubject(subject) }
        return json
    }
}

/// How far a chain of the audit goes: without it, nobody would miss the last records.
struct AuditHead: Record {
    /// Of the last record; 0 when there never was one.
    private(set) var sequence: Int64 = 0
    /// The last record's hash.
    private(set) var hash = AuditLog.origin
    /// When the last record was written. Milliseconds since 1970; nil when there never was one, or a version of this library
    /// wrote it that did not say.
    private(set) var time: Int64?
    /// Of the first record that is kept.
    private(set) var first: Int64 = 1
    /// What the first one that is kept says of the one before.
    private(set) var firstPrevious = AuditLog.origin
    /// When the first one that is kept was written; nil when none is.
    private(set) var firstTime: Int64?

    init() {}

    mutating func append(_ record: AuditRecord, hash: [UInt8]) {
        (sequence, self.hash, time) = (record.place.number, hash, record.time)
        if firstTime == nil { begin(with: record) }
    }

    /// Those before are not kept any more.
    mutating func begin(with record: AuditRecord) {
        (first, firstPrevious, firstTime) = (record.place.number, record.previous, record.time)
    }

    mutating func keepNone() { (first, firstPrevious, firstTime) = (sequence + 1, hash, nil) }

    init?(json: JSON) {
        guard let sequence = json["sequence"]?.integer, let hash = json["hash"]?.string.flatMap(Crypto.fromHex),
            let first = json["first"]?.integer,
            let firstPrevious = json["firstPrevious"]?.string.flatMap(Crypto.fromHex)
        else { return nil }
        self.sequence = sequence
        self.hash = hash
        time = json["timeMs"]?.integer
        self.first = first
        self.firstPrevious = firstPrevious
        firstTime = json["firstTime"]?.integer
    }

    var json: JSON {
        .object([
            "sequence": .integer(sequence), "hash": .string(Crypto.hex(hash)), "timeMs": time.map { .integer($0) },
            "first": .integer(first), "firstPrevious": .string(Crypto.hex(firstPrevious)),
            "firstTime": firstTime.map { .integer($0) },
        ])
    }
}

extension AuditEvent {
    /// What a request did to a token, a connection, a key or a flow.
    init(
        _ request: Request, appID: ID? = nil, subject: Subject? = nil, tokenID: ID? = nil, keyID: String? = nil,
        flowID: ID? = nil, outcome: String = "ok"
    ) {
        self.init(
            request.operation, actor: request.actor, appID: appID, subject: subject, tokenID: tokenID, keyID: keyID,
            flowID: flowID, outcome: outcome)
    }
}
