internal import CPlatform
internal import Glibc

/// What time it is, which tests move. The driver of steps waits by the monotonic clock itself (`Deadline`) and is not
/// moved.
package struct Clock: Sendable {
    /// Milliseconds since 1970, UTC. Those of different processes may differ, and may jump.
    package var milliseconds: @Sendable () -> Int64
    /// A clock that only goes on, and stands still while the machine sleeps.
    package var monotonic: @Sendable () -> Deadline
    /// Which monotonic clock that is: to processes of another one its moments mean nothing. Nil where that is not known.
    package var origin: Origin?

    package init(
        milliseconds: @escaping @Sendable () -> Int64, monotonic: @escaping @Sendable () -> Deadline = { .now },
        origin: Origin? = nil
    ) {
        self.milliseconds = milliseconds
        self.monotonic = monotonic
        self.origin = origin
    }

    package var seconds: Int64 { milliseconds() / 1000 }

    package static let system = Clock(
        milliseconds: {
            var time = timespec()
            clock_gettime(CLOCK_REALTIME, &time)
            return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
        }, origin: .system)

    /// What a monotonic clock counts from.
    package struct Origin: Sendable, Equatable {
        /// Of the machine's kernel, from its start to its end.
        package let boot: ID
        /// Processes may have clocks of their own (time_namespaces(7)). Empty where the kernel knows of none.
        package let namespace: ID

        package init(boot: ID, namespace: ID) {
            self.boot = boot
            self.namespace = namespace
        }

        private static let maxBytes = 64

        /// Nil where /proc does not tell.
        fileprivate static var system: Origin? {
            guard let boot = firstLine(of: "/proc/sys/kernel/random/boot_id") else { return nil }
            var link = [CChar](repeating: 0, count: maxBytes)
            let count = readlink("/proc/self/ns/time", &link, maxBytes)
            let namespace = link.prefix(max(count, 0)).map(UInt8.init(bitPattern:))
            return Origin(boot: boot, namespace: ID(String(decoding: namespace, as: UTF8.self)))
        }

        private static func firstLine(of path: String) -> ID? {
            let descriptor = dc_open(path, O_RDONLY | O_CLOEXEC, 0)
            guard descriptor >= 0 else { return nil }
            defer { close(descriptor) }
            var bytes = [UInt8](repeating: 0, count: maxBytes)
            let count = read(descriptor, &bytes, maxBytes)
            let line = bytes.prefix(max(count, 0)).prefix { $0 != UInt8(ascii: "\n") }
            return line.isEmpty ? nil : ID(String(decoding: line, as: UTF8.self))
        }
    }
}
