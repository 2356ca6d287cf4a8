import DescopeConn

/// Where a secret comes from. Never an argument, which every user of the machine can see.
enum SecretSource: Equatable {
    /// The longest secret that is read.
    static let limit = 65536

    case file(String)
    case variable(String)
    case input
    case prompt(String)

    /// - Parameters:
    ///   - file: a path, or `-` for standard input, which is asked where it is a terminal.
    ///   - variable: a variable's name.
    ///   - question: what to ask for at a terminal.
    /// - Returns: what was named, otherwise what is there to be asked.
    static func choose(file: String?, variable: String?, question: String, canAsk: Bool) -> SecretSource {
        if let file, file != "-" { return .file(file) }
        if let variable { return .variable(variable) }
        return canAsk ? .prompt(question) : .input
    }

    func read() throws -> Secret {
        switch self {
        case .file(let path): return try Self.secret(try File.read(path, limit: Self.limit), in: path)
        case .variable(let name):
            guard let value = Environment.value(name) else {
                throw Failure(.usage, "the variable \(name) is not set")
            }
            return Secret(value)
        case .input:
            do {
                return try Self.secret(
                    Descriptor.read(Descriptor.input, limit: Self.limit), in: "standard input")
            } catch let error as SystemError {
                throw File.failure("cannot read standard input", error)
            }
        case .prompt(let question):
            return try Self.secret(Array(try Terminal.askHidden(question).utf8), in: "the answer")
        }
    }

    /// Without the line's end that editors and echo add.
    static func secret(_ bytes: [UInt8], in origin: String) throws -> Secret {
        var bytes = bytes[...]
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty else { throw Failure(.usage, "\(origin) is empty") }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(.usage, "\(origin) is not text in UTF-8")
        }
        guard !text.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 }) else {
            throw Failure(.usage, "\(origin) has more than one line, or control characters")
        }
        return Secret(text)
    }
}
