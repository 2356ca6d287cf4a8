internal import Crypto

/// Makes waits differ, so that those whom one outage struck do not all come back at one moment.
package struct Jitter: Sendable {
    package static let random = Jitter { Crypto.random(1).first ?? 0 }

    private let source: @Sendable () -> UInt8

    package init(_ source: @escaping @Sendable () -> UInt8) { self.source = source }

    /// - Returns: a wait that is longer by up to a quarter. Never a shorter one, since a provider may have asked for it.
    func lengthen(_ milliseconds: Int64) -> Int64 { milliseconds + milliseconds / 4 * Int64(source()) / 255 }
}
