internal import Glibc

/// Whether the calling thread is inside of the library, where it may hold one of its locks: on a thread of the library's
/// own, or in one of its functions. A signal handler or a function of the host's that runs there is inside too.
package enum Inside {
    private static let depth: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()

    package static var isHere: Bool { pthread_getspecific(depth) != nil }

    package static func enter() { add(1) }
    package static func leave() { add(-1) }

    private static func add(_ count: Int) {
        let now = Int(bitPattern: pthread_getspecific(depth)) + count
        pthread_setspecific(depth, UnsafeRawPointer(bitPattern: now))
    }
}
