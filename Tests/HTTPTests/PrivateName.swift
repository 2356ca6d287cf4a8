import Glibc
import Runtime

@testable import HTTP

/// This machine's name, if it resolves to addresses of which none is public, and is not itself one that is refused.
func privateName() -> String? {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return nil }
    let name = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    var list: UnsafeMutablePointer<addrinfo>?
    guard !AddressPolicy.refusesLiteral(name), getaddrinfo(name, nil, nil, &list) == 0 else { return nil }
    defer { freeaddrinfo(list) }
    var next = list
    while let entry = next?.pointee {
        let bytes = AddressPolicy.bytes(
            of: UnsafeRawBufferPointer(start: entry.ai_addr, count: Int(entry.ai_addrlen)), family: entry.ai_family)
        if AddressPolicy.isPublic(bytes) { return nil }
        next = entry.ai_next
    }
    return name
}
