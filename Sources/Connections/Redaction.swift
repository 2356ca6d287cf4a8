package import JSON
package import Memory

/// Makes a server's words fit to be repeated in an error: short, printable, and without the secrets it was sent.
package struct Redaction: Sendable {
    /// Shorter secrets would be found by chance in any text.
    private static let minSecretBytes = 4

    private let strings: [JSON]
    private let secrets: [Secret]

    package init(_ strings: [JSON], _ secrets: [Secret]) {
        self.strings = strings
        self.secrets = secrets
    }

    /// - Parameter maxCharacters: what is longer is cut.
    /// - Returns: nil when the value is no string or empty.
    package func clean(_ value: JSON?, maxCharacters: Int = 512) -> String? {
        guard let text = value?.string else { return nil }
        var clean = ""
        clean.unicodeScalars.append(contentsOf: text.unicodeScalars.lazy.map(Self.printable))
        guard !clean.isEmpty else { return nil }
        return holdsSecret(clean) ? "(withheld: it repeats a secret)" : String(clean.prefix(maxCharacters))
    }

    /// Controls, line ends, and marks that are not seen but change what is, become spaces.
    private static func printable(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: " "
        default: scalar
        }
    }

    private func holdsSecret(_ text: String) -> Bool {
        Array(text.utf8).withUnsafeBytes { text in
            let isThere = { (secret: UnsafeRawBufferPointer) -> Bool in
                guard secret.count >= Self.minSecretBytes, secret.count <= text.count else { return false }
                return (0...(text.count - secret.count)).contains { start in
                    text[start] == secret[0] && text[start..<(start + secret.count)].elementsEqual(secret)
                }
            }
            return secrets.contains { $0.withBytes(isThere) }
                || strings.contains { $0.withStringBytes(isThere) == true }
        }
    }
}
