internal import CPlatform
internal import Connections
internal import Crypto
internal import Glibc
internal import JSON
internal import Runtime

/// Reads the vault's master key from where the config says.
enum MasterKey {
    static let bytes = 32
    /// No key's text is longer.
    private static let maxFileBytes = 4096

    /// - Parameters:
    ///   - source: one of `env`, `file` and `bytes`; fits its table.
    ///   - field: the source's own name in the config.
    /// - Throws: `invalid_config`, with the field; the message holds nothing of the source, which may be the
    ///   key itself in the wrong place.
    static func read(
        _ source: JSON, field parent: String, environment: (String) -> String?
    ) throws(ConnError) -> Secret {
        let given = source.members.filter { $0.value.kind != .null }
        guard given.count == 1, let (kind, value) = given.first.map({ ($0.key, $0.value) }) else {
            throw .invalidConfig(parent, "must be one of env, file and bytes")
        }
        let field = "\(parent).\(kind)"
        let text: Secret
        switch kind {
        case "env":
            let name = value.string ?? ""
            guard let value = environment(name), !value.isEmpty else {
                throw .invalidConfig(field, "names a variable that is not set")
            }
            text = Secret(value)
        case "file":
            text = try file(value.string ?? "", field: field)
        default:
            text = value.stringSecret ?? Secret([])
        }
        guard let key = decode(text) else {
            throw .invalidConfig(
                field,
                "must hold at least \(bytes) bytes: just \(bytes) as they are, or in hexadecimal digits, "
                    + "base64 or base64url")
        }
        return key
    }

    /// Container platforms show secrets to every user of the container, so who may read the file is not checked; but
    /// nobody else may be able to change it.
    private static func file(_ path: String, field: String) throws(ConnError) -> Secret {
        let descriptor = dc_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
        guard descriptor >= 0 else {
            throw .invalidConfig(field, "names a file that cannot be read: \(String(cString: strerror(dc_errno())))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, dc_is_file(status.st_mode) != 0 else {
            throw .invalidConfig(field, "names something that is not a regular file")
        }
        guard dc_is_writable_by_others(status.st_mode) == 0 else {
            throw .invalidConfig(field, "names a file that can be written by others than its owner")
        }
        guard (0...maxFileBytes).contains(Int(status.st_size)) else {
            throw .invalidConfig(field, "names a file that is larger than \(maxFileBytes) bytes")
        }
        var count = 0
        let whole = Secret(count: Int(status.st_size)) { buffer in
            while count < buffer.count {
                let got = Glibc.read(descriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count)
                if got < 0, dc_errno() == EINTR { continue }
                guard got > 0 else { break }
                count += got
            }
        }
        guard count == whole.count else { throw .invalidConfig(field, "names a file that cannot be read") }
        return whole
    }

    /// Nil when it is no key. Longer keys are hashed, so that all of their bytes count.
    private static func decode(_ content: Secret) -> Secret? {
        let isHex: (UInt8) -> Bool = {
            UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || UInt8(ascii: "a")...UInt8(ascii: "f") ~= $0 | 0x20
        }
        return content.withBytes { raw -> Secret? in
            // 32 hexadecimal digits are half of a key.
            if raw.count == bytes, !raw.allSatisfy(isHex) { return Secret(raw) }
            let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
            guard let first = raw.firstIndex(where: { !isSpace($0) }), let last = raw.lastIndex(where: { !isSpace($0) })
            else { return nil }
            let trimmed = UnsafeRawBufferPointer(rebasing: raw[first...last])
            guard let key = Crypto.decodeSecret(trimmed), key.count >= bytes else { return nil }
            return key.count == bytes ? key : Secret(key.withBytes { Crypto.sha256($0) })
        }
    }
}
