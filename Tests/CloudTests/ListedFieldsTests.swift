import Connections
import HTTP
import JSON
import Runtime
import TestSupport
import Testing

/// Descope's gateway refuses fields that it does not know. Whatever a request holds, only what this list has is sent,
/// never a null, and everything that the request holds is either sent or refused.
@Suite struct ListedFieldsTests {
    /// What each endpoint takes, as Descope's OpenAPI description and official SDKs have it.
    private static let listed: [String: Set<String>] = {
        let settings: Set = [
            "name", "description", "logo", "discoveryUrl", "authorizationUrl", "authorizationUrlParams.key",
            "authorizationUrlParams.value", "tokenUrl", "tokenUrlParams.key", "tokenUrlParams.value", "revocationUrl",
            "defaultScopes", "defaultRedirectUrl", "callbackDomain", "pkce", "accessType", "prompt", "useDcr", "dcrUrl",
        ]
        let app = settings.union(["id", "appType", "clientId", "clientSecret", "tenantId"])
        let latest: Set = [
            "appId", "tenantId", "options.withRefreshToken", "options.forceRefresh", "externalIdentifier",
        ]
        let grant: Set = [
            "appId", "tenantId", "refreshToken", "accessToken", "accessTokenExpiry", "accessTokenType", "scopes",
            "externalIdentifier", "idToken", "grantedBy",
        ]
        let users = { (fields: Set<String>) in fields.union(["userId"]) }
        let within = { (name: String, fields: Set<String>) in Set(fields.map { "\(name).\($0)" }) }
        return [
            "/app/user/token": users(latest).union(["scopes"]),
            "/app/user/token/latest": users(latest),
            "/app/tenant/token": latest.union(["scopes"]),
            "/app/tenant/token/latest": latest,
            "/app/user/apikey/upload": ["appId", "userId", "tenantId", "apiKey"],
            "/app/tenant/apikey/upload": ["appId", "tenantId", "apiKey"],
            "/app/user/oauthtoken/upload": users(grant).union(["verifyRefresh"]),
            "/app/tenant/oauthtoken/upload": grant.union(["verifyRefresh"]),
            "/app/user/oauthtoken/batch/upload": within("tokens", users(grant)),
            "/app/tenant/oauthtoken/batch/upload": within("tokens", grant),
            "/app/connect": within(
                "options", ["redirectUrl", "scopes", "prompt", "loginHint", "resources", "externalIdentifier"]
            ).union(["appId"]),
            "/app/create": app,
            "/app/update": within("app", app),
            "/app/create/bytemplate": within("overrides", settings).union(
                ["templateId", "id", "clientId", "clientSecret", "tenantId"]),
            "/app/create/bydcrpreset": ["dcrPresetId", "tenantId"],
            "/app/delete": ["id"],
            "/app/{id}": [], "/apps": [],
            "/token": ["id"],
            "/user/tokens": ["appId", "userId"],
            "/apps-with-user-token": ["userId", "tenantId"],
        ]
    }()

    /// Fields that are used, but not sent to the operation's endpoint under their own name.
    private static let besides: [String: Set<String>] = [
        "fetch": ["accessToken", "minTtlSeconds", "connect"], "connect": ["accessToken"], "delete": ["tokenId"],
        "list": ["appId"], "apps.load": ["id"],
    ]

    /// Those that are answered above the backend send nothing of their own.
    private static let sending = Operation.all.filter { operation in
        operation.backends.contains(.cloud)
            && !["describe", "stats", "mcp.", "pages."].contains { operation.name.hasPrefix($0) }
    }

    @Test(arguments: sending.map(\.name))
    func nothingElseIsSentAndNothingIsLost(operation: String) throws {
        let fields = try #require(Operation.byName[ID(operation)]).fields.filter { $0.backends.contains(.cloud) }
        var sentSome = false
        for subset in subsets(of: fields.count) {
            for nested in [NestedFields.all, .none, .null] {
                let request = JSON.object()
                for (index, field) in fields.enumerated() {
                    if subset.contains(index) || field.required {
                        request.set(field.name, value(of: field.kind, nested))
                    } else if nested == .null {
                        request.set(field.name, .null)
                    }
                }
                if try check(operation, request) { sentSome = true }
            }
        }
        #expect(sentSome)
    }

    /// - Returns: whether something was sent.
    private func check(_ operation: String, _ request: JSON) throws -> Bool {
        let played = try play(operation, request.text, reply(500, "{}"))
        guard let sent = played.requests.first else {
            let code = try #require(played.error).code
            #expect(code == .invalidRequest || code == .unsupported, "\(request.text)")
            return false
        }
        let parts = sent.url.dropFirst("https://api.descope.com/v1/mgmt/outbound".count).split(
            separator: "?", maxSplits: 1)
        var path = String(try #require(parts.first))
        if sent.method == .get, path.hasPrefix("/app/") { path = "/app/{id}" }
        let listed = try #require(Self.listed[path], "\(path)")

        var names: Set<String> = []
        if let body = sent.bodyText { collect(try JSON.parse(body), "", &names) }
        for pair in parts.dropFirst().joined().split(separator: "&") {
            names.insert(String(pair.prefix { $0 != "=" }))
        }
        #expect(names.isSubset(of: listed), "\(path) got \(names.subtracting(listed)) for \(request.text)")

        let arrived = Set(names.flatMap { $0.split(separator: ".").map(String.init) })
        for (name, value) in request.members where value.kind != .null && !isEmpty(value) {
            #expect(
                arrived.contains(name) || Self.besides[operation]?.contains(name) == true,
                "\(name) is lost on its way to \(path)")
        }
        return true
    }

    private func isEmpty(_ value: JSON) -> Bool {
        switch value.kind {
        case .array: value.elements.isEmpty
        case .object: value.members.allSatisfy { $0.value.kind == .null }
        default: false
        }
    }

    /// The paths of all members; a null among them is a failure.
    private func collect(_ value: JSON, _ path: String, _ names: inout Set<String>) {
        #expect(value.kind != .null, "\(path) is sent as null")
        if value.kind == .object {
            for (key, member) in value.members {
                collect(member, path.isEmpty ? key : "\(path).\(key)", &names)
            }
        } else if value.kind == .array, value.elements.contains(where: { $0.kind == .object }) {
            for element in value.elements { collect(element, path, &names) }
        } else {
            names.insert(path)
        }
    }

    // MARK: - Making requests

    private enum NestedFields {
        case all, none, null
    }

    /// Every subset where there are few; otherwise each size near both ends, and a spread of the others.
    private func subsets(of count: Int) -> [Set<Int>] {
        let all = Set(0..<count)
        if count <= 8 {
            return (0..<(1 << count)).map { bits in all.filter { bits & (1 << $0) != 0 } }
        }
        var subsets: [Set<Int>] = [[], all]
        for first in all {
            subsets += [[first], all.subtracting([first])]
            for second in all where second > first {
                subsets += [[first, second], all.subtracting([first, second])]
            }
        }
        for step in 2...7 {
            for start in 0..<step { subsets.append(all.filter { $0 % step == start }) }
        }
        return subsets
    }

    private func value(of kind: Field.Kind, _ nested: NestedFields) -> JSON {
        switch kind {
        case .string, .secret, .clearableSecret, .foreign(.text), .foreign(.string), .foreign(.digits),
            .foreign(.secret), .foreign(.secretString):
            return .string("text")
        case .redirectURL, .endpointURL: return .string("https://a.example/x")
        case .integer(let range, _): return .integer(range.upperBound)
        case .boolean: return .boolean(true)
        case .oneOf(let enumeration): return .string(enumeration.values[0])
        case .literal(let literal): return literal.json
        case .strings: return nested == .none ? .array([]) : .strings(["a", "b"])
        case .texts, .secrets, .foreign(.texts): return nested == .none ? .object() : .texts(["a": "b"])
        case .anyObject, .any, .foreign(.object): return .object()
        case .object(let type): return object(of: type.fields, nested)
        case .objects(let type, _):
            let element = object(of: type.fields, nested)
            return .array([element, element])
        }
    }

    private func object(of fields: [Field], _ nested: NestedFields) -> JSON {
        let object = JSON.object()
        for field in fields where field.backends.contains(.cloud) {
            if field.required || nested == .all {
                object.set(field.name, value(of: field.kind, nested))
            } else if nested == .null {
                object.set(field.name, .null)
            }
        }
        return object
    }
}
