internal import CJansson
package import Runtime

/// One JSON value: an owning reference to a jansson tree.
///
/// Children that are handed out share the tree, so moving a token from a parsed reply into an answer copies no bytes.
/// A value may be read from any thread; it is changed (`set`, `append`) only by whoever built it, before it is shared.
package final class JSON: @unchecked Sendable {  // jansson's reference counts are atomic; see above for changes
    let raw: UnsafeMutablePointer<json_t>

    /// Takes over the reference. Nil means that jansson ran out of memory, which Swift does not survive either.
    init(owning raw: UnsafeMutablePointer<json_t>?) {
        guard let raw else { fatalError("out of memory") }
        self.raw = raw
    }

    convenience init(sharing raw: UnsafeMutablePointer<json_t>) {
        self.init(owning: dc_json_incref(raw))
    }

    deinit { dc_json_decref(raw) }

    /// Stands in for the address of no bytes at all, which jansson takes for a mistake.
    nonisolated(unsafe) static let noBytes: UnsafePointer<CChar> = {  // one byte, written once
        let byte = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
        byte.initialize(to: 0)
        return UnsafePointer(byte)
    }()

    /// Once a process, before the first tree: seeds jansson's hash tables while nobody races for it, and, where jansson
    /// is ours alone (linked statically), makes it wipe what it frees.
    static let ready: Void = {
        #if STATIC_DEPENDENCIES
            json_set_alloc_funcs({ WipingAllocator.allocate($0) }, { WipingAllocator.free($0) })
        #endif
        json_object_seed(0)
    }()
}

// MARK: - Reading

extension JSON {
    package enum Kind: String, Sendable {
        case object, array, string, integer, real, boolean, null
    }

    package var kind: Kind {
        switch UInt32(bitPattern: dc_json_type(raw)) {
        case JSON_OBJECT.rawValue: .object
        case JSON_ARRAY.rawValue: .array
        case JSON_STRING.rawValue: .string
        case JSON_INTEGER.rawValue: .integer
        case JSON_REAL.rawValue: .real
        case JSON_TRUE.rawValue, JSON_FALSE.rawValue: .boolean
        default: .null
        }
    }

    /// The member of an object. Nil when absent, null, or when this is no object: absent and null mean the same.
    package subscript(key: String) -> JSON? {
        let member = Self.withName(key) { json_object_getn(raw, $0, $1) }
        guard let member, dc_json_type(member) != Int32(JSON_NULL.rawValue) else {
            return nil
        }
        return JSON(sharing: member)
    }

    package var string: String? {
        withStringBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// A string that tells things apart.
    package var id: ID? { string.map { ID($0) } }

    /// A string's bytes in the tree itself, for secrets that need no copy in a Swift `String`.
    package func withStringBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result? {
        guard let value = json_string_value(raw) else { return nil }
        return body(UnsafeRawBufferPointer(start: value, count: json_string_length(raw)))
    }

    package var integer: Int64? {
        kind == .integer ? json_integer_value(raw) : nil
    }

    /// An integer or a real number.
    package var number: Double? {
        kind == .integer || kind == .real ? json_number_value(raw) : nil
    }

    package var boolean: Bool? {
        kind == .boolean ? UInt32(bitPattern: dc_json_type(raw)) == JSON_TRUE.rawValue : nil
    }

    /// An array's elements; empty for anything else.
    package var elements: [JSON] {
        (0..<json_array_size(raw)).compactMap { json_array_get(raw, $0).map(JSON.init(sharing:)) }
    }

    /// An array's strings. Nil when this is no array, or one of its elements is no string.
    package var strings: [String]? {
        guard kind == .array else { return nil }
        var strings: [String] = []
        for element in elements {
            guard let string = element.string else { return nil }
            strings.append(string)
        }
        return strings
    }

    /// An object's strings by name. Nil when this is no object, or one of its members is no string.
    package var texts: [ID: String]? {
        guard kind == .object else { return nil }
        var texts: [ID: String] = [:]
        for (key, value) in members {
            guard let text = value.string else { return nil }
            texts[ID(key)] = text
        }
        return texts
    }

    /// An object's members, in the order of the text; empty for anything else.
    package var members: [(key: String, value: JSON)] {
        var members: [(key: String, value: JSON)] = []
        var iterator = json_object_iter(raw)
        while let current = iterator {
            if let key = json_object_iter_key(current), let value = json_object_iter_value(current) {
                members.append((String(cString: key), JSON(sharing: value)))
            }
            iterator = json_object_iter_next(raw, current)
        }
        return members
    }
}

// MARK: - Building

extension JSON {
    package static func string(_ value: String) -> JSON {
        _ = ready
        var value = value
        return value.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { JSON(owning: json_stringn($0.baseAddress ?? noBytes, $0.count)) }
        }
    }

    package static func string(_ id: ID) -> JSON { string(id.text) }

    /// A string from bytes of unknown origin. Nil when they are no UTF-8.
    package static func string(bytes: UnsafeRawBufferPointer) -> JSON? {
        _ = ready
        let text = bytes.bindMemory(to: CChar.self)
        return json_stringn(text.baseAddress ?? noBytes, text.count).map(JSON.init(owning:))
    }

    package static func integer(_ value: Int64) -> JSON { _ = ready; return JSON(owning: json_integer(value)) }

    package static func integer(_ value: Int) -> JSON { integer(Int64(value)) }

    package static func boolean(_ value: Bool) -> JSON {
        _ = ready
        return JSON(owning: value ? json_true() : json_false())
    }

    package static var null: JSON { _ = ready; return JSON(owning: json_null()) }

    package static func array(_ elements: [JSON]) -> JSON {
        _ = ready
        let array = JSON(owning: json_array())
        for element in elements { array.append(element) }
        return array
    }

    package static func strings(_ values: [String]) -> JSON { array(values.map(JSON.string)) }

    package static func texts(_ values: [ID: String]) -> JSON {
        let object = JSON.object()
        for (key, value) in values.sorted(by: { $0.key < $1.key }) { object.set(key.text, .string(value)) }
        return object
    }

    /// An object with the members whose value is not nil.
    package static func object(_ members: KeyValuePairs<String, JSON?> = [:]) -> JSON {
        _ = ready
        let object = JSON(owning: json_object())
        for case let (key, value?) in members { object.set(key, value) }
        return object
    }

    package func set(_ key: String, _ value: JSON) {
        // json_object_setn_new takes over a reference also when it fails
        let failure = Self.withName(key) { json_object_setn_new(raw, $0, $1, dc_json_incref(value.raw)) }
        guard failure == 0 else { fatalError("out of memory") }
    }

    package func remove(_ key: String) { _ = Self.withName(key) { json_object_deln(raw, $0, $1) } }

    /// The bytes of a member's name, without the copy that Swift makes of a string for C. Where there is a NUL it ends: a
    /// text with one in a name is not taken (``parse(_:)-(UnsafeRawBufferPointer)``).
    private static func withName<Result>(_ name: String, _ body: (UnsafePointer<CChar>, Int) -> Result) -> Result {
        var name = name
        return name.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { name in
                body(name.baseAddress ?? noBytes, name.firstIndex(of: 0) ?? name.count)
            }
        }
    }

    package func append(_ value: JSON) {
        guard json_array_append_new(raw, dc_json_incref(value.raw)) == 0 else { fatalError("out of memory") }
    }

    /// An object with the same members, so that adding one leaves this value as it is.
    package func shallowCopy() -> JSON { JSON(owning: json_copy(raw)) }
}

extension JSON {
    /// Whether both are the same JSON value; the order of an object's members does not count.
    package func equals(_ other: JSON) -> Bool { json_equal(raw, other.raw) == 1 }
}
