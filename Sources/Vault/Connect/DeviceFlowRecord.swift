internal import Connections
internal import JSON
internal import OAuth
internal import Runtime

/// A device that waits for its user (RFC 8628). The device code stays in this row.
struct DeviceFlowRecord: Record, PendingGrant {
    var appID: ID
    var subject: Subject
    var externalIdentifier: ID?
    var scopes: [String]
    var resources: [String]
    var deviceCode: Secret
    /// Seconds.
    var interval: Int64
    /// No poll may leave meanwhile.
    var wait: Interval
    var clientID: ID?
    var epoch: ID?

    /// The longest that a provider out of reach is waited out. Seconds.
    private static let maxInterval: Int64 = 60

    var json: JSON {
        let json = JSON.object([
            "appId": .string(appID),
            "externalIdentifier": externalIdentifier.map(JSON.string),
            "scopes": .strings(scopes),
            "resources": .strings(resources),
            "deviceCode": deviceCode.json,
            "interval": .integer(interval),
            "wait": wait.json,
            "clientId": clientID.map(JSON.string),
            "epoch": epoch.map(JSON.string),
        ])
        json.setSubject(subject)
        return json
    }

    /// Takes the next poll for whoever makes it now.
    mutating func claim(now: Instant) { wait = Interval(begun: now, duration: interval * 1000) }

    /// Has the next poll wait longer.
    mutating func slowDown(_ failure: TokenFailure, now: Instant) {
        if failure.isTooEarly {
            interval += OAuth.slowDownSeconds
        } else {
            // RFC 8628 section 3.5 wants an exponential backoff where the provider cannot be reached.
            interval = min(interval * 2, max(Self.maxInterval, interval))
        }
        wait = Interval(begun: now, duration: max(interval * 1000, Int64(failure.retryAfterMilliseconds ?? 0)))
    }
}

extension DeviceFlowRecord {
    init?(json: JSON) {
        guard let appID = json["appId"]?.id, let subject = json.subject, let scopes = json["scopes"]?.strings,
            let resources = json["resources"]?.strings, let deviceCode = json["deviceCode"]?.stringSecret,
            let interval = json["interval"]?.integer,
            let wait = json["wait"].flatMap(Interval.init) ?? Self.earlierWait(json, interval)
        else { return nil }
        self.init(
            appID: appID, subject: subject, externalIdentifier: json["externalIdentifier"]?.id, scopes: scopes,
            resources: resources, deviceCode: deviceCode, interval: interval, wait: wait,
            clientID: json["clientId"]?.id, epoch: json["epoch"]?.id)
    }

    /// As earlier versions wrote it: the moment of the next poll.
    private static func earlierWait(_ json: JSON, _ interval: Int64) -> Interval? {
        guard let end = json["nextPollAt"]?.integer else { return nil }
        let milliseconds = interval * 1000
        return Interval(begun: Instant(time: end - milliseconds, uptime: 0, origin: nil), duration: milliseconds)
    }
}
