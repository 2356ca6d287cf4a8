import Connections
import Foundation
import HTTP
import JSON
import Plugins
import Runtime
import TestSupport

/// A client over `Tests/plugins/scripted.c`.
func scripted(_ flags: String..., config: JSON = [:]) throws -> Client {
    try Client(PluginBackend(config: openConfig(library("scripted", flags), config)), http: HTTPOptions())
}

func library(_ name: String, _ flags: [String] = []) throws -> String {
    try CPlugin.build("Tests/plugins/\(name).c", flags)
}

/// The config of `open`.
func openConfig(_ library: String, _ config: JSON = [:]) -> JSON {
    ["backend": "plugin", "library": .string(library), "config": config]
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
