/* Tells ThreadSanitizer of Swift's Mutex. Its contended path is in libswiftSynchronization, which is not instrumented,
 * so without this every contended lock is reported as a race:
 *
 *     clang -shared -fPIC -o mutex.so Tests/sanitizers/swift_mutex_tsan.c
 *     swift build --build-tests --sanitize=thread --scratch-path .build-tsan
 *     LD_PRELOAD=$PWD/mutex.so .build-tsan/debug/descope_connPackageTests.xctest --testing-library swift-testing
 *
 * clang only: the two functions have Swift's calling convention and mangled names (Swift 6.3). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define SELF __attribute__((swift_context)) void *self

typedef __attribute__((swiftcall)) void (*lock_fn)(uint32_t thread, SELF);
typedef __attribute__((swiftcall)) void (*unlock_fn)(SELF);

void __tsan_acquire(void *address);
void __tsan_release(void *address);
__attribute__((swiftcall)) void lock_slow(uint32_t thread, SELF) __asm__(LOCK_SLOW);
__attribute__((swiftcall)) void unlock_slow(SELF) __asm__(UNLOCK_SLOW);

__attribute__((swiftcall)) void lock_slow(uint32_t thread, SELF) {
    lock_fn next = (lock_fn)dlsym(RTLD_NEXT, LOCK_SLOW);
    next(thread, self);
    __tsan_acquire(self);
}

__attribute__((swiftcall)) void unlock_slow(SELF) {
    unlock_fn next = (unlock_fn)dlsym(RTLD_NEXT, UNLOCK_SLOW);
    __tsan_release(self);
    next(self);
}
