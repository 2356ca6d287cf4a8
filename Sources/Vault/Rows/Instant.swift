internal import Connections
internal import JSON
internal import Runtime

/// A moment that a row keeps, by both clocks of the process that wrote it.
struct Instant: Sendable, Equatable {
    /// By the clock of the day, which differs from machine to machine and may be set. Milliseconds since 1970.
    let time: Int64
    /// By the monotonic clock. Milliseconds; 0 where nobody knows which one it is.
    let uptime: Int64
    /// Which monotonic clock that is. Nil where it is not known, and in rows of earlier versions.
    let origin: Clock.Origin?

    /// What has passed since an earlier moment, in milliseconds: by the monotonic clock where both moments are of the same
    /// one. By the clock of the day it may be anything, also negative.
    func elapsed(since earlier: Instant) -> Int64 {
        uptimeElapsed(since: earlier) ?? timeElapsed(since: earlier)
    }

    /// By the clock of the day.
    func timeElapsed(since earlier: Instant) -> Int64 {
        let (elapsed, isTooMuch) = time.subtractingReportingOverflow(earlier.time)
        return isTooMuch ? (time < earlier.time ? .min : .max) : elapsed
    }

    /// By the monotonic clock; nil when the moments are not of the same one.
    func uptimeElapsed(since earlier: Instant) -> Int64? {
        guard let origin, origin == earlier.origin else { return nil }
        return uptime - earlier.uptime
    }

    /// Whether it is of another start of the machine than an earlier moment, if both are of one machine.
    func isOfAnotherBoot(than earlier: Instant) -> Bool {
        guard let origin, let other = earlier.origin else { return false }
        return origin.boot != other.boot
    }
}

extension Clock {
    var instant: Instant {
        let uptime = origin == nil ? 0 : Int64(monotonic().nanoseconds / 1_000_000)
        return Instant(time: milliseconds(), uptime: uptime, origin: origin)
    }
}

/// A stretch of time that a row keeps.
struct Interval: Sendable, Equatable {
    let begun: Instant
    /// Milliseconds.
    let duration: Int64

    /// What is left of it, in milliseconds, and never more than all of it; nil when it is over. One that begins in the
    /// future was written by another machine's clock, or before the clock of the day was set back, and is not waited for.
    func remaining(now: Instant) -> Int64? {
        let elapsed = now.elapsed(since: begun)
        return (0..<duration).contains(elapsed) ? duration - elapsed : nil
    }
}

// MARK: - JSON

extension JSON {
    /// The moment that something began, as ``setBeginning(_:)`` writes it.
    var beginning: Instant? {
        guard let time = self["begun"]?.integer else { return nil }
        guard let uptime = self["uptime"]?.integer, let boot = self["boot"]?.id,
            let namespace = self["timeNamespace"]?.id
        else { return Instant(time: time, uptime: 0, origin: nil) }
        return Instant(time: time, uptime: uptime, origin: Clock.Origin(boot: boot, namespace: namespace))
    }

    func setBeginning(_ instant: Instant) {
        set("begun", .integer(instant.time))
        guard let origin = instant.origin else { return }
        set("uptime", .integer(instant.uptime))
        set("boot", .string(origin.boot))
        set("timeNamespace", .string(origin.namespace))
    }
}

extension Interval {
    init?(json: JSON) {
        guard let begun = json.beginning, let duration = json["duration"]?.integer else { return nil }
        self.init(begun: begun, duration: duration)
    }

    var json: JSON {
        let json = JSON.object(["duration": .integer(duration)])
        json.setBeginning(begun)
        return json
    }
}
