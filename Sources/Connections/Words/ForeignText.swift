package import JSON
internal import Runtime

extension JSON {
    /// The texts that are meant by somebody who may have written one as a number or as a truth, or several in an array or
    /// an object: string nodes. What is false says nothing.
    package var foreignTexts: [JSON] {
        switch kind {
        case .string: [self]
        case .integer: integer.map { [.string(String($0))] } ?? []
        case .real: number.map { [.string(Int64(exactly: $0).map { String($0) } ?? String($0))] } ?? []
        case .boolean: boolean == true ? [.string("true")] : []
        case .array: elements.flatMap(\.foreignTexts)
        case .object: members.flatMap(\.value.foreignTexts)
        case .null: []
        }
    }
}

extension UnsafeRawBufferPointer {
    /// The text of an object, with null in place of the values of these members.
    func withoutMembers(_ names: [ID]) -> Secret {
        Secret(writing: { send in
            var rest = self[...]
            var depth = 0
            /// Of the member that a value is passed over of.
            var isLeftOut = false
            /// The last string of the object itself: a member's name, where a colon follows.
            var name: Slice<UnsafeRawBufferPointer>?
            while let byte = rest.first {
                let next = byte == UInt8(ascii: "\"") ? rest.quoted : rest.prefix(1)
                if depth == 1, byte == UInt8(ascii: "\"") { name = next.dropFirst().dropLast() }
                if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") { depth -= 1 }
                if depth < 1 || depth == 1 && byte == UInt8(ascii: ",") { isLeftOut = false }
                if !isLeftOut { next.forEach(send) }
                if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") { depth += 1 }
                if depth == 1, byte == UInt8(ascii: ":"), !isLeftOut,
                    let name, names.contains(where: { name.elementsEqual($0.text.utf8) })
                {
                    isLeftOut = true
                    "null".utf8.forEach(send)
                }
                rest = rest[next.endIndex...]
            }
        })
    }
}

extension Slice<UnsafeRawBufferPointer> {
    /// The string that begins here, with its quotation marks; all of it where it does not end.
    fileprivate var quoted: Self {
        var index = startIndex + 1
        while index < endIndex {
            switch self[index] {
            case UInt8(ascii: "\""): return self[...index]
            case UInt8(ascii: "\\"): index += 2
            default: index += 1
            }
        }
        return self
    }
}
