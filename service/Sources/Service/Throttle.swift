import Synchronization

/// Slows down who does something again and again, by addresses.
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

    private let buckets = Mutex<[String: Bucket]>([:])

    init(burst: Double, secondsEach: Double) {
        self.burst = burst
        self.secondsEach = secondsEach
    }

    /// Of refused credentials: guessing them is not worth while.
    static func ofRefusals() -> Throttle { Throttle(burst: 20, secondsEach: 3) }

    /// Of sign-ins that are begun, since each has the vault remember it for ten minutes. Many people may come from the
    /// address of one office.
    static func ofSignIns() -> Throttle { Throttle(burst: 60, secondsEach: 1) }

    /// - Returns: after how many seconds the address may ask again; nil if it may at once.
    func wait(_ address: String, now: ContinuousClock.Instant = .now) -> Int? {
        buckets.withLock { buckets in
            guard let bucket = buckets[address] else { return nil }
            let left = self.left(bucket, now)
            return left >= 1 ? nil : Int(((1 - left) * secondsEach).rounded(.up))
        }
    }

    func count(_ address: String, now: ContinuousClock.Instant = .now) {
        buckets.withLock { buckets in
            let left = buckets[address].map { self.left($0, now) } ?? burst
            if buckets[address] == nil, buckets.count >= Self.maxCount { forget(&buckets, now) }
            buckets[address] = Bucket(left: max(0, left - 1), at: now)
        }
    }

    private func left(_ bucket: Bucket, _ now: ContinuousClock.Instant) -> Double {
        min(burst, bucket.left + (now - bucket.at) / .seconds(secondsEach))
    }

    private func forget(_ buckets: inout [String: Bucket], _ now: ContinuousClock.Instant) {
        buckets = buckets.filter { left($0.value, now) < burst }
        guard buckets.count >= Self.maxCount else { return }
        let oldest = buckets.sorted { $0.value.at < $1.value.at }.prefix(Self.maxCount / 4)
        for (address, _) in oldest { buckets[address] = nil }
    }
}
