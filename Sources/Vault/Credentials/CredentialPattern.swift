internal import JSON

/// A regular expression that a whole value must match: characters, sets, groups, alternatives and repetitions, as POSIX extended
/// ones are written. It is compiled to a machine of at most ``maxStates`` states that goes through the value once, so that neither
/// a pattern nor a value can keep anybody waiting.
struct CredentialPattern: Sendable {
    fileprivate static let maxStates = 2048
    /// A longer value matches nothing.
    private static let maxValueBytes = 1024

    private let states: [PatternState]

    init?(_ text: String) {
        var parser = PatternParser(text)
        guard let node = parser.whole() else { return nil }
        var states: [PatternState] = []
        guard node.emit(to: &states), states.count < Self.maxStates else { return nil }
        self.states = states + [.end]
    }

    /// - Parameter value: a string node.
    func matches(_ value: JSON) -> Bool {
        value.withStringBytes { bytes in
            guard bytes.count <= Self.maxValueBytes else { return false }
            var current = StateSet(states)
            current.add(0)
            var codec = UTF8()
            var iterator = bytes.makeIterator()
            while case .scalarValue(let scalar) = codec.decode(&iterator) {
                var next = StateSet(states)
                for state in current.members {
                    if case .character(let set) = states[state], set.contains(scalar) { next.add(state + 1) }
                }
                current = next
            }
            return current.members.contains(states.count - 1)
        } ?? false
    }
}

private enum PatternState: Sendable {
    case character(CharacterSet)
    /// Goes on at each of these, so far from here.
    case jump([Int])
    case end
}

/// The states that a machine is in at a time, each once.
private struct StateSet {
    private(set) var members: [Int] = []
    private let states: [PatternState]
    private var isIn: [Bool]

    init(_ states: [PatternState]) {
        self.states = states
        isIn = Array(repeating: false, count: states.count)
    }

    /// Adds a state, and those that it goes on at without a character.
    mutating func add(_ first: Int) {
        var open = [first]
        while let state = open.popLast() {
            guard !isIn[state] else { continue }
            isIn[state] = true
            members.append(state)
            if case .jump(let distances) = states[state] { open += distances.map { state + $0 } }
        }
    }
}

private struct CharacterSet: Sendable {
    var ranges: [ClosedRange<UInt32>] = []
    var isNegated = false

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        ranges.contains { $0.contains(scalar.value) } != isNegated
    }

    static let any = CharacterSet(isNegated: true)

    static func one(_ scalar: Unicode.Scalar) -> CharacterSet {
        CharacterSet(ranges: [scalar.value...scalar.value])
    }

    /// POSIX's classes, of ASCII.
    static func named(_ name: String) -> [ClosedRange<UInt32>]? {
        let (digit, upper, lower): (ClosedRange<UInt32>, ClosedRange<UInt32>, ClosedRange<UInt32>) =
            (0x30...0x39, 0x41...0x5A, 0x61...0x7A)
        switch name {
        case "digit": return [digit]
        case "upper": return [upper]
        case "lower": return [lower]
        case "alpha": return [upper, lower]
        case "alnum": return [digit, upper, lower]
        case "xdigit": return [digit, 0x41...0x46, 0x61...0x66]
        case "space": return [0x09...0x0D, 0x20...0x20]
        case "punct": return [0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E]
        default: return nil
        }
    }
}

private indirect enum PatternNode {
    case character(CharacterSet)
    case sequence([PatternNode])
    case alternatives([PatternNode])
    /// - `most`: nil: any number.
    case repeated(PatternNode, least: Int, most: Int?)

    /// - Returns: false when there would be too many states.
    func emit(to states: inout [PatternState]) -> Bool {
        guard states.count < CredentialPattern.maxStates else { return false }
        switch self {
        case .character(let set): states.append(.character(set))
        case .sequence(let nodes): return nodes.allSatisfy { $0.emit(to: &states) }
        case .alternatives(let nodes):
            let start = states.count
            states.append(.jump([]))
            var starts: [Int] = []
            var ends: [Int] = []
            for node in nodes {
                starts.append(states.count - start)
                guard node.emit(to: &states) else { return false }
                ends.append(states.count)
                states.append(.jump([]))
            }
            states[start] = .jump(starts)
            for end in ends { states[end] = .jump([states.count - end]) }
        case .repeated(let node, let least, let most):
            for _ in 0..<least { guard node.emit(to: &states) else { return false } }
            guard let most else {
                let start = states.count
                states.append(.jump([]))
                guard node.emit(to: &states) else { return false }
                states.append(.jump([start - states.count]))
                states[start] = .jump([1, states.count - start])
                return true
            }
            var exits: [Int] = []
            for _ in least..<max(least, most) {
                exits.append(states.count)
                states.append(.jump([]))
                guard node.emit(to: &states) else { return false }
            }
            for exit in exits { states[exit] = .jump([1, states.count - exit]) }
        }
        return true
    }
}

/// Reads a regular expression.
private struct PatternParser {
    /// What a repetition may ask for.
    private static let maxRepetitions = 1024
    private var rest: Substring.UnicodeScalarView

    init(_ text: String) { rest = text[...].unicodeScalars }

    /// - Returns: nil for what is no regular expression, or has what these have not, such as back-references.
    mutating func whole() -> PatternNode? {
        _ = take("^")  // the whole value must match anyway
        guard let node = alternatives() else { return nil }
        _ = take("$")
        return rest.isEmpty ? node : nil
    }

    private mutating func alternatives() -> PatternNode? {
        var nodes: [PatternNode] = []
        repeat {
            guard let node = sequence() else { return nil }
            nodes.append(node)
        } while take("|")
        return nodes.count == 1 ? nodes[0] : .alternatives(nodes)
    }

    private mutating func sequence() -> PatternNode? {
        var nodes: [PatternNode] = []
        while let first = rest.first, first != "|", first != ")", first != "$" {
            guard var node = atom() else { return nil }
            while let next = rest.first, next == "*" || next == "+" || next == "?" || next == "{" {
                guard let bounds = repetition() else { return nil }
                node = .repeated(node, least: bounds.least, most: bounds.most)
            }
            nodes.append(node)
        }
        return .sequence(nodes)
    }

    private mutating func atom() -> PatternNode? {
        guard let first = rest.popFirst() else { return nil }
        switch first {
        case "(":
            guard let inner = alternatives(), take(")") else { return nil }
            return inner
        case "[": return set().map(PatternNode.character)
        case ".": return .character(.any)
        case "\\": return escape().map(PatternNode.character)
        case "*", "+", "?", "{", "^": return nil
        default: return .character(.one(first))
        }
    }

    private mutating func escape() -> CharacterSet? {
        guard let escaped = rest.popFirst() else { return nil }
        switch escaped {
        case "d": return CharacterSet(ranges: CharacterSet.named("digit") ?? [])
        case "s": return CharacterSet(ranges: CharacterSet.named("space") ?? [])
        case "w": return CharacterSet(ranges: (CharacterSet.named("alnum") ?? []) + [0x5F...0x5F])
        case "a"..."z", "A"..."Z", "0"..."9": return nil
        default: return .one(escaped)
        }
    }

    /// A set's brackets, in which a backslash is one character of it.
    private mutating func set() -> CharacterSet? {
        var set = CharacterSet()
        set.isNegated = take("^")
        var isFirst = true
        while let first = rest.popFirst() {
            if first == "]", !isFirst { return set }
            isFirst = false
            if first == "[", rest.first == ":" {
                rest.removeFirst()
                var name = ""
                while let letter = rest.popFirst(), letter != ":" { name.unicodeScalars.append(letter) }
                guard take("]"), let ranges = CharacterSet.named(name) else { return nil }
                set.ranges += ranges
                continue
            }
            guard first != "[" || rest.first != "." && rest.first != "=" else { return nil }
            var last = first
            if rest.first == "-", let after = rest.dropFirst().first, after != "]" {
                rest.removeFirst(2)
                last = after
            }
            guard first.value <= last.value else { return nil }
            set.ranges.append(first.value...last.value)
        }
        return nil
    }

    private mutating func repetition() -> (least: Int, most: Int?)? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        guard take("{"), let least = number() else { return nil }
        if take("}") { return (least, least) }
        guard take(",") else { return nil }
        if take("}") { return (least, nil) }
        guard let most = number(), most >= least, take("}") else { return nil }
        return (least, most)
    }

    private mutating func number() -> Int? {
        let digits = rest.prefix { ("0"..."9").contains($0) }
        guard (1...4).contains(digits.count) else { return nil }
        rest = rest.dropFirst(digits.count)
        let number = digits.reduce(0) { $0 * 10 + Int($1.value - 0x30) }
        return number <= Self.maxRepetitions ? number : nil
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard rest.first == scalar else { return false }
        rest.removeFirst()
        return true
    }
}
