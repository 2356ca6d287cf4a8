package import JSON
internal import Runtime

/// Whether an answer is about what was asked for. A reply that was mixed up on its way may hold somebody else's token.
///
/// What an answer says of itself is held against the request, byte by byte. What it does not say, or says with an empty
/// string, cannot be, and is trusted.
package enum Asked {
    private struct Rule {
        /// The object of the answer that it is for, or the array of such; nil is the answer itself.
        var member: String?
        /// Names of the answer, and of the request.
        var ids: KeyValuePairs<String, String>
        /// An answer may not be of a user or tenant where the request names none: a user's token inside a tenant is
        /// another one than the same user's outside of it.
        var isWholeSubject = false
        /// The array of the request whose objects it is about, one of them each.
        var among: String?
    }

    private static let subject: KeyValuePairs = ["userId": "userId", "tenantId": "tenantId"]
    private static let token: KeyValuePairs = [
        "appId": "appId", "userId": "userId", "tenantId": "tenantId", "externalIdentifier": "externalIdentifier",
    ]

    /// By operation.
    private static let rules: [ID: [Rule]] = [
        "fetch": [Rule(member: "token", ids: token, isWholeSubject: true)],
        "report_rejected": [
            Rule(member: "token", ids: ["id": "tokenId"]), Rule(member: "token", ids: subject, isWholeSubject: true),
        ],
        "confirm": [Rule(ids: token, isWholeSubject: true)],
        "list": [Rule(ids: token), Rule(member: "tokens", ids: token)],
        "store_tokens": [Rule(member: "failures", ids: token, among: "tokens")],
        "apps.create": [Rule(member: "app", ids: ["id": "id", "tenantId": "tenantId"])],
        "apps.update": [Rule(member: "app", ids: ["id": "id"])],
        "apps.load": [Rule(member: "app", ids: ["id": "id"])],
    ]

    /// - Parameter fields: the request's.
    /// - Returns: by which member `answer` is about something else; nil when it is about what was asked for.
    package static func strangeMember(of answer: JSON, to operation: String, _ fields: JSON) -> String? {
        for rule in rules[ID(operation)] ?? [] {
            let given = rule.member.map { answer[$0] } ?? answer
            let items = given.map { $0.kind == .array ? $0.elements : [$0] } ?? []
            let asked = rule.among.map { fields[$0]?.elements ?? [] } ?? [fields]
            for item in items {
                let strange = asked.map { strangeMember(of: item, to: $0, rule) }
                if !strange.contains(nil) { return strange.first ?? rule.ids.first?.key }
            }
        }
        return nil
    }

    private static func strangeMember(of item: JSON, to fields: JSON, _ rule: Rule) -> String? {
        for (name, field) in rule.ids {
            guard let value = item[name], value.withStringBytes({ $0.isEmpty }) != true else { continue }
            if let asked = fields[field] {
                if !value.equals(asked) { return name }
            } else if rule.isWholeSubject, subject.contains(where: { $0.value == field }) {
                return name
            }
        }
        return nil
    }
}
