internal import Glibc

/// A range of IP addresses that begin alike (RFC 4632).
package struct AddressBlock: Sendable {
    private let network: [UInt8]
    /// Bits.
    private let length: Int

    init(network: [UInt8], length: Int) {
        self.network = network
        self.length = length
    }

    /// - Parameter text: an address of IPv4 or IPv6, with the number of bits behind a slash; without one it is the address
    ///   alone. What the bits leave of the address must be 0.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let network = Self.bytes(String(parts[0])) else { return nil }
        var length = network.count * 8
        if parts.count == 2 {
            // Digits alone: Int takes a sign too.
            guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let given = Int(parts[1]), given <= length
            else { return nil }
            length = given
        }
        for (index, byte) in network.enumerated() {
            let bits = max(0, min(8, length - index * 8))
            guard byte & UInt8(truncatingIfNeeded: 0xFF >> bits) == 0 else { return nil }
        }
        self.init(network: network, length: length)
    }

    /// - Parameter address: 4 bytes of IPv4 or 16 of IPv6.
    package func contains(_ address: [UInt8]) -> Bool {
        let whole = length / 8
        guard address.count >= network.count, network.prefix(whole).elementsEqual(address.prefix(whole)) else {
            return false
        }
        guard length % 8 != 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xFF << (8 - length % 8))
        return network[whole] & mask == address[whole] & mask
    }

    /// Whether it holds an address that is written out. One of IPv4 that IPv6 maps (RFC 4291 section 2.5.5.2) is what it is of
    /// IPv4: a server that listens for both sees it so.
    package func contains(_ text: String) -> Bool {
        guard var address = Self.bytes(text) else { return false }
        if address.count == 16, address.prefix(12).elementsEqual(Self.mapped) { address = Array(address.suffix(4)) }
        return address.count == network.count && contains(address)
    }

    private static let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]

    private static func bytes(_ text: String) -> [UInt8]? {
        guard !text.utf8.contains(0) else { return nil }  // C would not read on
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }
}
