internal import Connections
internal import JSON
internal import Memory
internal import OAuth

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
    /// The next poll may not leave before. Milliseconds since 1970.
    var nextPollAt: Int64
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
            "nextPollAt": .integer(nextPollAt),
            "clientId": clientID.map(JSON.string),
            "epoch": epoch.map(JSON.string),
        ])
        json.setSubject(subject)
        return json
    }

    /// Has the next poll wait longer.
    mutating func slowDown(_ failure: TokenFailure, now: Int64) {
        if failure.code == "slow_down" {
            interval += OAuth.slowDownSeconds
        } else {
            // RFC 8628 section 3.5 wants an exponential backoff where the provider cannot be reached.
            interval = min(interval * 2, max(Self.maxInterval, interval))
        }
        nextPollAt = now + max(interval * 1000, Int64(failure.retryAfterMilliseconds ?? 0))
    }
}

extension DeviceFlowRecord {
    init?(json: JSON) {
        guard let appID = json["appId"]?.id, let subject = json.subject, let scopes = json["scopes"]?.strings,
            let resources = json["resources"]?.strings, let deviceCode = json["deviceCode"]?.stringSecret,
            let interval = json["interval"]?.integer, let nextPollAt = json["nextPollAt"]?.integer
        else { return nil }
        self.init(
            appID: appID, subject: subject, externalIdentifier: json["externalIdentifier"]?.id, scopes: scopes,
            resources: resources, deviceCode: deviceCode, interval: interval, nextPollAt: nextPollAt,
            clientID: json["clientId"]?.id, epoch: json["epoch"]?.id)
    }
}
