package import Connections
package import HTTP
package import JSON
package import Runtime

/// The config of `open` for the vault.
package struct VaultConfig: Sendable {
    package enum Storage: Sendable {
        /// An SQLite file.
        case path(String)
        /// A store plugin: an absolute path, or a name that was registered.
        case plugin(String, config: JSON)

        var name: String {
            switch self {
            case .path(let path): path
            case .plugin(let reference, _): "the store \(reference)"
            }
        }
    }

    package let storage: Storage
    /// Whether the vault is made where there is none.
    package let creates: Bool
    /// Exactly 32 bytes.
    package let key: Secret
    /// Master keys of which one may still seal the vault, or will.
    package let otherKeys: [Secret]
    let audit: AuditLog.Level
    /// How long the audit's records are kept; nil is for good.
    let auditDays: Int64?
    /// Lets `export` hand out refresh tokens.
    let allowsExport: Bool
    /// The OAuth redirect URI, unless a connection names its own.
    package let redirectURL: String?
    /// The host's page that connect URLs lead to; nil: they are the provider's.
    package let connectPageURL: String?
    /// How long a connect URL waits for its callback, or for its page to open it. Seconds.
    package let connectTTLSeconds: Int64
    /// A callback must say who is signed in where it arrived.
    package let requiresOpener: Bool
    /// Bounds one exchange with a provider. Milliseconds.
    package let timeoutMilliseconds: Int
    /// Lets endpoints that a discovery document names be on private addresses. Those that a connection's own settings name
    /// always may.
    package let allowsPrivateAddresses: Bool
    package let http: HTTPOptions

    private static let keySource = ObjectType(
        "KeySource", "Where a key is.",
        [
            Field("env", .string(maxBytes: 128), "An environment variable."),
            Field("file", .string(maxBytes: 4096), "A file that only its owner can write."),
            Field("bytes", .secret, "The key itself, in hexadecimal digits or base64url."),
        ])

    package static let fields: [Field] = [
        Field("backend", .literal(.text(BackendKind.vault.rawValue)), required: true, "vault"),
        Field("path", .string(maxBytes: 4096), "The SQLite file, in a folder that exists."),
        Field(
            "store",
            .object(
                ObjectType(
                    "StorePlugin", "A store plugin.",
                    [
                        Field(
                            "plugin", .string(maxBytes: 4096), required: true,
                            "A library's absolute path, or a registered name."),
                        Field("config", .anyObject, "What the plugin is opened with."),
                    ])), "A store plugin, in place of path."),
        Field(
            "create", .boolean,
            "Makes the vault where there is none, and logs a warning; true by default. False opens only one that exists."
        ),
        Field(
            "key", .object(keySource), required: true,
            "One of these. At least 32 bytes: as they are, if there are just 32, or in hexadecimal digits, base64 or "
                + "base64url."),
        Field("otherKeys", .objects(keySource, maxCount: 16), "Keys that the vault was sealed by, or will be."),
        Field(
            "audit", .oneOf(Enumeration("AuditLevel", "What is recorded.", AuditLog.Level.allCases.map(\.rawValue))),
            "changes by default."),
        Field("auditDays", .integer(1...36_500), "How long records are kept; forever by default."),
        Field("allowExport", .boolean, "Lets export hand out refresh tokens; false by default."),
        Field("redirectUrl", .redirectURL, "The OAuth redirect URI, unless a connection names its own."),
        Field("connectPageUrl", .endpointURL, "Your page that connect URLs lead to, in place of the provider's."),
        Field(
            "connectTtlSeconds", .integer(60...86_400),
            "A connect URL's life. By default 600, or 14400 with connectPageUrl."),
        Field("requireOpener", .boolean, "complete must say openedBy; true by default."),
        Field("timeoutMs", .integer(1000...120_000), "Bounds one exchange. 10000 by default."),
        Field("allowPrivateAddresses", .boolean, "For discovered endpoints; false by default."),
        Field("api", .object(.apiSettings), "Who may use the REST API; see docs/api.md."),
        Field("caFile", .string(maxBytes: 4096), "PEM file of the certificate authorities to trust."),
        Field("proxy", .clearableSecret, "A proxy's URL; \"\" is none. Absent: the usual environment variables."),
    ]

    /// - Parameter environment: the value of a variable, nil when it is not set.
    /// - Throws: `invalid_config`, with the field.
    package init(_ config: JSON, environment: (String) -> String?) throws(ConnError) {
        try Field.checkConfig(config, against: Self.fields, backend: .vault)
        switch (config["path"]?.string, config["store"]) {
        case (let path?, nil):
            guard path != ":memory:", !path.lowercased().hasPrefix("file:") else {
                throw .invalidConfig("path", "must be a file's path: a vault is not kept in memory, and takes no URI")
            }
            storage = .path(path)
        case (nil, let store?):
            storage = .plugin(store["plugin"]?.string ?? "", config: store["config"] ?? .object())
        case (nil, nil):
            throw .invalidConfig("path", "or store is missing")
        case (_?, _?):
            throw .invalidConfig("store", "cannot be combined with path")
        }
        creates = config["create"]?.boolean ?? true
        key = try MasterKey.read(config["key"] ?? .object(), field: "key", environment: environment)
        var others: [Secret] = []
        for (index, source) in (config["otherKeys"]?.elements ?? []).enumerated() {
            others.append(try MasterKey.read(source, field: "otherKeys[\(index)]", environment: environment))
        }
        otherKeys = others
        audit = config["audit"]?.string.flatMap(AuditLog.Level.init) ?? .changes
        auditDays = config["auditDays"]?.integer
        allowsExport = config["allowExport"]?.boolean ?? false
        redirectURL = config["redirectUrl"]?.string
        connectPageURL = config["connectPageUrl"]?.string
        connectTTLSeconds = config["connectTtlSeconds"]?.integer ?? (connectPageURL == nil ? 600 : 14_400)
        requiresOpener = config["requireOpener"]?.boolean ?? true
        timeoutMilliseconds = config["timeoutMs"]?.integer.flatMap(Int.init(exactly:)) ?? 10_000
        allowsPrivateAddresses = config["allowPrivateAddresses"]?.boolean ?? false
        http = HTTPOptions(caFile: config["caFile"]?.string, proxy: config["proxy"]?.string)
    }
}
