import JSON
import Runtime
import Testing

@testable import Connections

/// The table says what is asked and what is answered; bindings and documentation are made from it.
@Suite struct TableTests {
    private let types = ObjectType.all(of: Operation.all)

    @Test func requestsAreConsistent() {
        for operation in Operation.all {
            let names = operation.fields.map(\.name)
            #expect(Set(names).count == names.count, "\(operation.name)")
            for name in operation.atLeastOneOf.flatMap({ $0 }) + operation.alone {
                #expect(names.contains(name), "\(operation.name) \(name)")
            }
        }
    }

    @Test func typesAreConsistent() {
        for type in types {
            let names = type.fields.map(\.name)
            #expect(Set(names).count == names.count, "\(type.name)")
            #expect(type.alternatives.isEmpty || names.isEmpty, "\(type.name)")
        }
    }

    /// Two of one name would be one to those who read `describe`.
    @Test func aNameIsOfOneType() throws {
        func all(_ type: ObjectType) -> [ObjectType] {
            let used = type.own.flatMap { field -> [ObjectType] in
                switch field.kind {
                case .object(let type), .objects(let type, _): [type]
                default: []
                }
            }
            return [type] + (type.including + type.alternatives + used).flatMap(all)
        }
        let used = Operation.all.flatMap { operation in
            all(ObjectType(operation.name, "", operation.own, including: operation.including)).dropFirst()
                + all(operation.answer)
        }
        for type in used {
            let described = try #require(types.first { $0.name == type.name })
            #expect(described.own.map(\.name) == type.own.map(\.name), "\(type.name)")
            #expect(described.about == type.about, "\(type.name)")
        }
        var enumerations: [String: [String]] = [:]
        for field in Operation.all.flatMap(\.fields) + used.flatMap(\.fields) {
            guard case .oneOf(let enumeration) = field.kind else { continue }
            #expect(enumerations[enumeration.name] ?? enumeration.values == enumeration.values, "\(enumeration.name)")
            enumerations[enumeration.name] = enumeration.values
        }
    }

    /// Whoever reads a number must know what it counts.
    @Test func whatIsATimeSaysInWhat() {
        for field in Operation.all.flatMap(\.fields) + types.flatMap(\.fields) {
            guard case .integer(_, let unit) = field.kind else { continue }
            let name = field.name
            if name.hasSuffix("Ms") {
                #expect([.milliseconds, .epochMilliseconds].contains(unit), "\(name)")
            } else if name.hasSuffix("Seconds") || name == "expiresIn" || name == "interval" {
                #expect(unit == .seconds, "\(name)")
            } else if name.hasSuffix("Expiry") || name.hasSuffix("Time") || name.hasSuffix("At") && name != "brokenAt" {
                #expect(unit == .epochSeconds, "\(name)")
            }
        }
    }

    @Test func anExampleIsOfItsFieldsKind() throws {
        let fields = Operation.all.flatMap(\.fields) + types.flatMap(\.fields)
        for field in fields {
            guard let example = field.example else { continue }
            let type = ObjectType("T", "", [field])
            let object = JSON.object()
            object.set(field.name, example.json)
            let backend = try #require(field.backends.first)
            #expect(type.mismatch(object, backend: backend) == nil, "\(field.name)")
        }
    }

    @Test func whatTheTableSaysFitsTheTable() {
        #expect(ObjectType.description.mismatch(Operation.description, backend: .vault) == nil)
        #expect(Operation.description.text.utf8.count < 128 << 10)
    }

    @Test(arguments: [
        (#"{"url":"u","expiresIn":1}"#, nil), (#"{"url":"u"}"#, "answer lacks expiresIn"),
        (#"{"url":1,"expiresIn":1}"#, "answer.url is of another type"),
        (#"{"url":"u","expiresIn":"1"}"#, "answer.expiresIn is of another type"),
        (#"{"url":"u","expiresIn":1,"more":1}"#, "answer.more is not in the table"),
    ])
    func anAnswerIsHeldAgainstTheTable(_ answer: String, mismatch: String?) throws {
        let request = Request(operation: "connect", fields: .object())
        let json = try JSON.parse(answer)
        #expect(ObjectType.connectURL.mismatch(json, backend: .vault) == mismatch)
        if mismatch == nil {
            try request.checkAnswer(json, backend: .vault)
        } else {
            #expect(throws: ConnError.self) { try request.checkAnswer(json, backend: .vault) }
        }
        #expect(ObjectType.connectURL.mismatch(try JSON.parse(#"{"url":"u"}"#), backend: .cloud) == nil)
    }

    @Test func anAnswerIsOneOfItsAlternatives() throws {
        let verdict = ObjectType.auditVerdict
        for answer in [
            #"{"ok":true,"verified":1,"anchor":"a"}"#,
            #"{"ok":false,"verified":1,"chain":0,"brokenAt":1,"problem":"p"}"#,
        ] {
            #expect(verdict.mismatch(try JSON.parse(answer), backend: .vault) == nil)
        }
        for answer in [#"{"ok":false,"verified":1,"anchor":"a"}"#, #"{"ok":true,"verified":1}"#, "{}", "[]"] {
            #expect(verdict.mismatch(try JSON.parse(answer), backend: .vault) != nil)
        }
    }
}
