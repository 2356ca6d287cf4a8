import Glibc
import Synchronization

/// What a terminal can do that a file cannot.
enum Terminal {
    static func isOne(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// Whether somebody can be asked something.
    static var canAsk: Bool { isOne(Descriptor.input) && isOne(Descriptor.error) }

    static func columns(_ descriptor: Int32) -> Int {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Asks on standard error, and reads the answer's line.
    static func ask(_ question: String) throws -> String {
        if let error = Descriptor.write(question.utf8, to: Descriptor.error) {
            throw File.failure("cannot ask", error)
        }
        return String(decoding: try readLine(), as: UTF8.self)
    }

    /// Asks, and shows nothing of the answer.
    static func askHidden(_ question: String) throws -> String {
        try setEcho(false)
        defer {
            restore()
            _ = Descriptor.write("\n".utf8, to: Descriptor.error)
        }
        return try ask(question)
    }

    /// Whether the answer is yes; no unless it is said.
    static func confirms(_ question: String) throws -> Bool {
        ["y", "yes"].contains(try ask("\(question) [y/N] ").lowercased())
    }

    /// How the terminal was before it was told not to show what is typed.
    private static let before = Mutex<termios?>(nil)

    private static func setEcho(_ on: Bool) throws {
        var settings = termios()
        guard tcgetattr(Descriptor.input, &settings) == 0 else { throw File.failure("cannot hide the input", .last) }
        before.withLock { $0 = settings }
        settings.c_lflag &= ~tcflag_t(ECHO)
        guard tcsetattr(Descriptor.input, TCSAFLUSH, &settings) == 0 else {
            throw File.failure("cannot hide the input", .last)
        }
    }

    /// Shows again what is typed. For whoever ends the program, too.
    static func restore() {
        before.withLock { settings in
            guard var saved = settings else { return }
            tcsetattr(Descriptor.input, TCSAFLUSH, &saved)
            settings = nil
        }
    }

    private static func readLine() throws -> [UInt8] {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.count < SecretSource.limit {
            let count = Glibc.read(Descriptor.input, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else {
                if line.isEmpty { throw Failure(.usage, "nothing was entered") }
                break
            }
            if byte == UInt8(ascii: "\n") { break }
            line.append(byte)
        }
        return line
    }
}
