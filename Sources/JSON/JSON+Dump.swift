internal import CJansson
package import Runtime

extension JSON {
    /// The compact text, with a zero byte after it that `length` does not count. Release it with
    /// `WipingAllocator.free`. Nil when out of memory.
    /// - Parameter isSorted: members in the order of their keys, so that equal values have equal texts.
    /// - Parameter indent: spaces; 0: all on one line.
    package func dump(
        isSorted: Bool = false, indent: Int = 0
    ) -> (text: UnsafeMutablePointer<CChar>, length: Int)? {
        let layout = indent > 0 ? indent : Int(JSON_COMPACT)  // JSON_INDENT(n) is n
        let flags = layout | Int(JSON_ENCODE_ANY) | (isSorted ? Int(JSON_SORT_KEYS) : 0)
        var capacity = 1024
        while true {
            guard let block = WipingAllocator.allocate(capacity + 1) else { return nil }
            let text = block.assumingMemoryBound(to: CChar.self)
            let length = json_dumpb(raw, text, capacity, flags)
            if length <= capacity, length > 0 {
                text[length] = 0
                return (text, length)
            }
            WipingAllocator.free(block)
            guard length > capacity else { return nil }
            capacity = length
        }
    }

    /// The compact text, for tests and for what holds no secret. Text with a secret goes through ``dump()``.
    package var text: String { text(indent: 0) }

    /// The same on several lines, for people.
    package var indentedText: String { text(indent: 2) }

    private func text(indent: Int) -> String {
        guard let dumped = dump(indent: indent) else { fatalError("out of memory") }
        defer { WipingAllocator.free(dumped.text) }
        return String(decoding: UnsafeRawBufferPointer(start: dumped.text, count: dumped.length), as: UTF8.self)
    }

    /// The compact text in memory that is wiped afterwards: the body of a request.
    package var secret: Secret { secret(isSorted: false) }

    package func secret(isSorted: Bool) -> Secret {
        guard let dumped = dump(isSorted: isSorted) else { fatalError("out of memory") }
        defer { WipingAllocator.free(dumped.text) }
        return Secret(UnsafeRawBufferPointer(start: dumped.text, count: dumped.length))
    }

    /// A string's bytes in memory that is wiped afterwards. Nil for anything else.
    package var stringSecret: Secret? { withStringBytes { Secret($0) } }
}

extension JSON: CustomStringConvertible, CustomReflectable {
    /// The kind alone: a tree may hold secrets.
    package var description: String { "JSON(\(kind.rawValue))" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
