import Glibc

/// Reading and writing of file descriptors, whole or not at all.
enum Descriptor {
    static let input: Int32 = 0
    static let output: Int32 = 1
    static let error: Int32 = 2

    /// - Returns: nil when all was written, or why not.
    static func write(_ bytes: some Collection<UInt8>, to descriptor: Int32) -> SystemError? {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return .last
            }
            rest = rest.dropFirst(count)
        }
        return nil
    }

    /// Everything until the end, of at most `limit` bytes.
    static func read(_ descriptor: Int32, limit: Int) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw .last
            }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            if bytes.count > limit { throw SystemError(EFBIG) }
        }
    }
}

/// What the system says went wrong.
struct SystemError: Error, Equatable {
    var code: Int32

    init(_ code: Int32) { self.code = code }

    static var last: SystemError { SystemError(errno) }

    var words: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
        let text = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}
