internal import Crypto

/// Makes processes differ: their waits, so that those whom one outage struck do not all come back at one moment, and what
/// they choose.
package struct Jitter: Sendable {
    package static let random = Jitter { Crypto.random(1).first ?? 0 }

    private let source: @Sendable () -> UInt8

    package init(_ source: @escaping @Sendable () -> UInt8) { self.source = source }

    /// - Returns: a wait that is longer by up to a quarter. Never a shorter one, since a provider may have asked for it.
    func lengthen(_ milliseconds: Int64) -> Int64 { milliseconds + milliseconds / 4 * Int64(source()) / 255 }

    /// - Returns: any of at most 256 values; nil when there is none.
    func choose<Value>(_ values: [Value]) -> Value? { values.isEmpty ? nil : values[Int(source()) % values.count] }
}
