package import JSON

/// A value that stands in a table: an example, or what a member always is.
package enum Literal: Sendable {
    case text(String)
    case number(Int64)
    case flag(Bool)
    case texts([String])

    package var json: JSON {
        switch self {
        case .text(let text): .string(text)
        case .number(let number): .integer(number)
        case .flag(let flag): .boolean(flag)
        case .texts(let texts): .strings(texts)
        }
    }
}

extension Literal: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral
{
    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .number(value) }
    package init(booleanLiteral value: Bool) { self = .flag(value) }
    package init(arrayLiteral elements: String...) { self = .texts(elements) }
}
