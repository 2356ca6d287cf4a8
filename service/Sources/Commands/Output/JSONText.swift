// The encoder is Foundation's: the binding and the argument parser bring it along, and answers are Codable.
import FoundationEssentials

/// Values as JSON, and JSON that a user has written.
enum JSONText {
    static func of(_ value: some Encodable, pretty: Bool) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// - Parameter origin: what the text is, for the error.
    static func read<Value: Decodable>(
        _ bytes: [UInt8], from origin: String, as: Value.Type = Value.self
    ) throws -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: Data(bytes))
        } catch DecodingError.dataCorrupted(let context) where context.codingPath.isEmpty {
            throw Failure(.usage, "\(origin) is not JSON")
        } catch let DecodingError.keyNotFound(key, context) {
            throw Failure(.usage, "\(origin) lacks \(path(context.codingPath + [key]))")
        } catch let DecodingError.typeMismatch(_, context) {
            throw Failure(.usage, "\(origin) has a value of another type than expected in \(path(context.codingPath))")
        } catch let DecodingError.valueNotFound(_, context) {
            throw Failure(.usage, "\(origin) has no value in \(path(context.codingPath))")
        } catch {
            throw Failure(.usage, "\(origin) is not what was expected")
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        let text = keys.map(\.stringValue).joined(separator: ".")
        return text.isEmpty ? "the whole" : text
    }
}
