import Foundation
import TestSupport

/// A process of its own with a vault's file open by an SQLite of its own: a Python that does what it is told, a line at a
/// time.
final class OtherProcess: @unchecked Sendable {  // one thread at a time tells it something
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    /// - Parameter path: what `db`, the connection, has open; `path` in what it is told.
    init(_ path: String) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = [
            "-c",
            """
            import os, sqlite3, sys
            path = sys.argv[1]
            db = sqlite3.connect(path, isolation_level=None, timeout=0)
            for line in sys.stdin:
                try:
                    exec(line)
                    print("done", flush=True)
                except Exception as error:
                    print(error, flush=True)
            """, path,
        ]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    /// - Returns: "done", or why not.
    @discardableResult
    func run(_ line: String) -> String {
        input.fileHandleForWriting.write(Data((line + "\n").utf8))
        var said: [UInt8] = []
        while let byte = output.fileHandleForReading.readData(ofLength: 1).first, byte != 0x0A { said.append(byte) }
        return String(decoding: said, as: UTF8.self)
    }

    func end() {
        input.fileHandleForWriting.closeFile()
        process.waitUntilExit()
    }
}
