internal import Glibc

/// Which addresses `publicAddressesOnly` refuses: all that IANA's special-purpose registries (RFC 6890, and what came
/// after it) do not call globally reachable.
enum AddressPolicy {
    private static let refusedIPv4: [AddressBlock] = [
        AddressBlock(network: [0, 0, 0, 0], length: 8),  // this network, unspecified: RFC 791 section 3.2
        AddressBlock(network: [10, 0, 0, 0], length: 8),  // private: RFC 1918
        AddressBlock(network: [100, 64, 0, 0], length: 10),  // carrier-grade NAT: RFC 6598
        AddressBlock(network: [127, 0, 0, 0], length: 8),  // loopback: RFC 1122 section 3.2.1.3
        AddressBlock(network: [169, 254, 0, 0], length: 16),  // link-local, cloud metadata: RFC 3927
        AddressBlock(network: [172, 16, 0, 0], length: 12),  // private: RFC 1918
        AddressBlock(network: [192, 0, 0, 0], length: 24),  // protocol assignments: RFC 6890 section 2.1
        AddressBlock(network: [192, 0, 2, 0], length: 24),  // documentation: RFC 5737
        AddressBlock(network: [192, 88, 99, 0], length: 24),  // 6to4 relays, deprecated: RFC 7526
        AddressBlock(network: [192, 168, 0, 0], length: 16),  // private: RFC 1918
        AddressBlock(network: [198, 18, 0, 0], length: 15),  // benchmarks: RFC 2544
        AddressBlock(network: [198, 51, 100, 0], length: 24),  // documentation: RFC 5737
        AddressBlock(network: [203, 0, 113, 0], length: 24),  // documentation: RFC 5737
        AddressBlock(network: [224, 0, 0, 0], length: 4),  // multicast: RFC 5771
        AddressBlock(network: [240, 0, 0, 0], length: 4),  // reserved, broadcast: RFC 1112 section 4, RFC 919
    ]

    /// Where global unicast addresses are assigned from: RFC 4291 section 2.4. Loopback, unspecified, link-local
    /// (fe80::/10), unique local (fc00::/7, RFC 4193), multicast (ff00::/8), IPv4-mapped and -compatible forms, discard
    /// (100::/64, RFC 6666), local NAT64 (64:ff9b:1::/48, RFC 8215) and segment routing (5f00::/16, RFC 9602) are
    /// outside of it.
    private static let globalUnicast = AddressBlock(network: [0x20, 0], length: 3)

    private static let refusedIPv6: [AddressBlock] = [
        AddressBlock(network: [0x20, 0x01, 0x00, 0x00], length: 23),  // protocols, Teredo: RFC 2928, RFC 4380
        AddressBlock(network: [0x20, 0x01, 0x0D, 0xB8], length: 32),  // documentation: RFC 3849
        AddressBlock(network: [0x20, 0x02], length: 16),  // 6to4: RFC 3056
        AddressBlock(network: [0x3F, 0xFF, 0x00, 0x00], length: 20),  // documentation: RFC 9637
    ]

    /// What DNS64 makes of an IPv4 address: RFC 6052 section 2.1. It is as public as the address within.
    private static let nat64 = AddressBlock(network: [0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0], length: 96)

    /// - Parameter address: 4 bytes of IPv4 or 16 of IPv6. Anything else is not public.
    static func isPublic(_ address: [UInt8]) -> Bool {
        switch address.count {
        case 4:
            return !refusedIPv4.contains { $0.contains(address) }
        case 16:
            if nat64.contains(address) { return isPublic(Array(address.suffix(4))) }
            return globalUnicast.contains(address) && !refusedIPv6.contains { $0.contains(address) }
        default:
            return false
        }
    }

    /// Whether a URL's host is refused by what it says alone, without asking a resolver: an address, or a name for this
    /// machine (RFC 6761 section 6.3).
    static func refusesLiteral(_ host: String) -> Bool {
        var name = host[...]
        if name.hasSuffix(".") { name = name.dropLast() }
        if name == "localhost" || name.hasSuffix(".localhost") { return true }
        if host.hasPrefix("[") { return !isPublic(bytes(AF_INET6, String(host.dropFirst().dropLast())) ?? []) }
        return bytes(AF_INET, String(name)).map { !isPublic($0) } ?? false
    }

    /// The bytes of a socket address; none for a family that is neither IPv4 nor IPv6, or one cut short.
    static func bytes(of address: UnsafeRawBufferPointer, family: Int32) -> [UInt8] {
        let field: (offset: Int, count: Int)? =
            switch family {
            case AF_INET: (MemoryLayout<sockaddr_in>.offset(of: \.sin_addr) ?? 0, 4)
            case AF_INET6: (MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr) ?? 0, 16)
            default: nil
            }
        guard let field, address.count >= field.offset + field.count else { return [] }
        return Array(address[field.offset..<field.offset + field.count])
    }

    /// An address in its usual form.
    static func text(_ address: [UInt8]) -> String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = address.count == 4 ? AF_INET : AF_INET6
        guard [4, 16].contains(address.count),
            inet_ntop(family, address, &text, socklen_t(text.count)) != nil
        else { return "of an unknown kind" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func bytes(_ family: Int32, _ text: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: family == AF_INET ? 4 : 16)
        return inet_pton(family, text, &bytes) == 1 ? bytes : nil
    }
}
