/// Text that tells things apart: the id of a user or a connection, a scope, an issuer, the name of a parameter.
///
/// Two are the same when their bytes are. Swift's own strings are the same when they read the same (Unicode's canonical
/// equivalence): as a `String`, `jos\u{e9}` is `jose\u{301}`, and a user would get another one's token.
/// A `String` that is compared with a literal of ASCII is the same either way, unless the literal holds K, ; or `, which
/// Unicode has twice.
package struct ID: Hashable, Comparable, Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package static func == (a: ID, b: ID) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }

    package static func < (a: ID, b: ID) -> Bool { a.text.utf8.lexicographicallyPrecedes(b.text.utf8) }

    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(0xFF as UInt8)  // is in no UTF-8, so that neighbours in one hash keep their border
    }
}

extension ID: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) { self.init(text) }
}

extension ID: CustomStringConvertible {
    package var description: String { text }
}
