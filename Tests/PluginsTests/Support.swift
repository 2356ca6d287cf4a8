import Connections
import Foundation
import HTTP
import JSON
import Plugins
import Runtime
import TestSupport

/// A client over `Tests/plugins/scripted.c`.
func scripted(_ flags: String..., config: String = "{}") throws -> Client {
    try Client(PluginBackend(config: openConfig(library("scripted", flags), config)), http: HTTPOptions())
}

func library(_ name: String, _ flags: [String] = []) throws -> String {
    try CPlugin.build("Tests/plugins/\(name).c", flags)
}

/// The config of `open`.
func openConfig(_ library: String, _ config: String = "{}") throws -> JSON {
    try JSON.parse(#"{"backend":"plugin","library":"\#(library)","config":\#(config)}"#)
}

extension Client {
    func call(
        _ request: String, deadline: Deadline = .never, cancellation: Cancellation = Cancellation()
    ) throws(ConnError) -> JSON {
        var request = request
        let result: Result<JSON, ConnError> = request.withUTF8 { bytes in
            Result { () throws(ConnError) in
                try call(
                    UnsafeRawBufferPointer(bytes), operation: nil,
                    CallContext(deadline: deadline, cancellation: cancellation))
            }
        }
        return try result.get()
    }

    func error(_ request: String, deadline: Deadline = .never, cancellation: Cancellation = Cancellation())
        -> ConnError?
    {
        do throws(ConnError) {
            _ = try call(request, deadline: deadline, cancellation: cancellation)
            return nil
        } catch {
            return error
        }
    }

    /// Submits a call, and returns at once.
    func start(_ request: String, deadline: Deadline = .never, cancellation: Cancellation = Cancellation()) -> Outcome {
        let outcome = Outcome()
        var request = request
        request.withUTF8 { bytes in
            submit(
                UnsafeRawBufferPointer(bytes), CallContext(deadline: deadline, cancellation: cancellation),
                completion: outcome.set)
        }
        return outcome
    }

    func closeAndWait() {
        let ended = Event()
        close { ended.signal() }
        ended.wait(untilNanoseconds: .max)
    }
}

/// What a submitted call comes to.
final class Outcome: Sendable {
    private let result = Monitor<Result<JSON, ConnError>?>(nil)

    func set(_ result: Result<JSON, ConnError>) { self.result.update { $0 = result } }

    func get() throws(ConnError) -> JSON {
        guard let result = result.wait(untilNanoseconds: .max, for: { $0 }) else { throw .timeout }
        return try result.get()
    }
}

/// Runs `body` on a thread of its own.
func inBackground(_ body: @escaping @Sendable () -> Void) -> Event {
    let ended = Event()
    Thread.detachNewThread {
        body()
        ended.signal()
    }
    return ended
}

/// A counter that a fixture exports.
func counter(_ name: String, of library: String) throws -> Int {
    guard let mapped = dlopen(library, RTLD_NOW | RTLD_NOLOAD), let symbol = dlsym(mapped, name) else {
        throw CocoaError(.executableNotLoadable)
    }
    return Int(unsafeBitCast(symbol, to: (@convention(c) () -> Int32).self)())
}
