import Synchronization

/// Slows down who does something again and again, by addresses; those of one IPv6 network of 64 bits are somebody's together.
final class Throttle: Sendable {
    /// So many times at once, and once more in so many seconds.
    private let burst: Double
    private let secondsEach: Double
    /// More addresses are not remembered: those that have been quiet for longest go first.
    private static let maxCount = 16_384

    private struct Bucket {
        var left: Double
        var at: ContinuousClock.Instant
    }

    private let buckets = Mutex<[[UInt8]: Bucket]>([:])

    init(burst: Double, secondsEach: Double) {
        self.burst = burst
        self.secondsEach = secondsEach
    }

    /// Of refused credentials: guessing them is not worth while.
    static func ofRefusals() -> Throttle { Throttle(burst: 20, secondsEach: 3) }

    /// Of sign-ins that are begun, since each has the vault remember it for ten minutes. Many people may come from the
    /// address of one office.
    static func ofSignIns() -> Throttle { Throttle(burst: 60, secondsEach: 1) }

    /// Of requests, as many as the settings allow in a minute.
    static func ofRequests(perMinute: Int) -> Throttle {
        Throttle(burst: Double(perMinute), secondsEach: 60 / Double(perMinute))
    }

    /// - Returns: after how many seconds the address may ask again; nil if it may at once.
    func wait(_ address: String, now: ContinuousClock.Instant = .now) -> Int? {
        let owner = AddressRange.owner(of: address)
        return buckets.withLock { buckets in
            guard let bucket = buckets[owner] else { return nil }
            let left = self.left(bucket, now)
            return left >= 1 ? nil : Int(((1 - left) * secondsEach).rounded(.up))
        }
    }

    func count(_ address: String, now: ContinuousClock.Instant = .now) {
        let owner = AddressRange.owner(of: address)
        buckets.withLock { buckets in
            let left = buckets[owner].map { self.left($0, now) } ?? burst
            if buckets[owner] == nil, buckets.count >= Self.maxCount { forget(&buckets, now) }
            buckets[owner] = Bucket(left: max(0, left - 1), at: now)
        }
    }

    private func left(_ bucket: Bucket, _ now: ContinuousClock.Instant) -> Double {
        min(burst, bucket.left + (now - bucket.at) / .seconds(secondsEach))
    }

    private func forget(_ buckets: inout [[UInt8]: Bucket], _ now: ContinuousClock.Instant) {
        buckets = buckets.filter { left($0.value, now) < burst }
        guard buckets.count >= Self.maxCount else { return }
        let oldest = buckets.sorted { $0.value.at < $1.value.at }.prefix(Self.maxCount / 4)
        for (owner, _) in oldest { buckets[owner] = nil }
    }
}
