import Synchronization

/// Slows down who is refused again and again, by addresses: guessing keys is not worth while.
final class Throttle: Sendable {
    /// So many refusals at once, and one more in so many seconds.
    private static let burst = 20.0
    private static let secondsEach = 3.0
    /// More addresses are not remembered: those that have been quiet for longest go first.
    private static let maxCount = 16_384

    private struct Bucket {
        var left: Double
        var at: ContinuousClock.Instant
    }

    private let buckets = Mutex<[String: Bucket]>([:])

    /// - Returns: after how many seconds the address may ask again; nil if it may at once.
    func wait(_ address: String, now: ContinuousClock.Instant = .now) -> Int? {
        buckets.withLock { buckets in
            guard let bucket = buckets[address] else { return nil }
            let left = Self.left(bucket, now)
            return left >= 1 ? nil : Int(((1 - left) * Self.secondsEach).rounded(.up))
        }
    }

    func refused(_ address: String, now: ContinuousClock.Instant = .now) {
        buckets.withLock { buckets in
            let left = buckets[address].map { Self.left($0, now) } ?? Self.burst
            if buckets[address] == nil, buckets.count >= Self.maxCount { Self.forget(&buckets, now) }
            buckets[address] = Bucket(left: max(0, left - 1), at: now)
        }
    }

    private static func left(_ bucket: Bucket, _ now: ContinuousClock.Instant) -> Double {
        min(burst, bucket.left + (now - bucket.at) / .seconds(secondsEach))
    }

    private static func forget(_ buckets: inout [String: Bucket], _ now: ContinuousClock.Instant) {
        buckets = buckets.filter { left($0.value, now) < burst }
        guard buckets.count >= maxCount else { return }
        let oldest = buckets.sorted { $0.value.at < $1.value.at }.prefix(maxCount / 4)
        for (address, _) in oldest { buckets[address] = nil }
    }
}
