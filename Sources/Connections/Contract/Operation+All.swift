// The table of operations: what can be asked, and what is answered. Names are Descope's wire names, so whoever knows its
// API knows these. The operations stand in files by what they are about; each file has the types that it needs.

extension Operation {
    package static let all: [Operation] =
        connecting + tokens + apps + device + mcp + pages + api + managementKeys + flows + vaultItself + [
            stats, describe,
        ]

    static let subject = [["userId", "tenantId"]]

    static let revoke = Field(
        "revoke", .boolean, backends: .inVault,
        "Revoke the tokens at their providers; true by default. False only deletes them here.")

    static let limit = Field(
        "limit", .integer(1...1000), backends: .inVault, "The most that one answer holds. 100 by default.")
    static let after = Field("after", .string(maxBytes: 256), backends: .inVault, "The next of the answer before.")

    private static let describe = Operation(
        "describe", "Lists the operations, with all that they take and answer.", answer: .description)
}

extension Field {
    /// Of a list that answers everything unless it is asked for less.
    static let limitOfAll = Field(
        "limit", .integer(1...1000), backends: .inVault,
        "The most that one answer holds; which comes next is the vault's choice. By default all.")

    /// In a request that replaces settings.
    static let expectedVersion = Field(
        "version", .string(maxBytes: 64), backends: .inVault,
        "That of the settings which were loaded and edited: if they have changed since, nothing is written (conflict). "
            + "By default the last writer wins.")

    /// In a request for new settings, which may be a copy of others.
    static let copiedVersion = Field(
        "version", .string(maxBytes: 64), backends: .inVault, "That of what this is a copy of. It means nothing here.")

    /// Of settings in an answer.
    static let settingsVersion = Field(
        "version", .string(), backends: .inVault,
        "Another one whenever a setting has changed, a secret one too. Lists do not have it.",
        example: "jYoVWbX2vEkFzNq0pTdG7A")
}

/// A plugin stands in the place of either.
extension [BackendKind] {
    static var inCloud: [BackendKind] { [.cloud, .plugin] }
    static var inVault: [BackendKind] { [.vault, .plugin] }
}

extension Field {
    /// Any request may have it.
    static let actor = Field(
        "actor", .string(maxBytes: 256), backends: .inVault, "Who asks, or which tool, for the audit.")
    static let appID = Field(
        "appId", .string(maxBytes: 256), required: true, "The connection.", example: "google-calendar")
    static let userID = Field("userId", .string(maxBytes: 512), "The user whose token it is.", example: "U2abc")
    static let tenantID = Field(
        "tenantId", .string(maxBytes: 512), "The tenant whose token it is, or in which the user's token lives.")
    static let scopes = Field("scopes", .strings, "OAuth scopes.")
    static let externalIdentifier = Field(
        "externalIdentifier", .string(maxBytes: 200), "Names one of several accounts of the subject at the connection.")
    static let credentials = Field(
        "credentials", .secrets, backends: .inVault,
        "What belongs to the key, such as a user name: by the names that the connection's credentials have.")
    static let accessToken = Field(
        "accessToken", .secret, backends: .inCloud,
        "The user's or client's Descope access token, in place of the management key.")
    static let unreadable = Field(
        "unreadable", .count, backends: .inVault, "How many rows do not open; absent if all do.")
}

extension ObjectType {
    static let subject = ObjectType("Subject", "A user, a user in a tenant, or a tenant.", [.userID, .tenantID])

    static let opener = ObjectType(
        "Opener", "Who is signed in.",
        [
            .userID, .tenantID,
            Field("tenants", .strings, backends: .inVault, "The tenants that this user may act for."),
        ])

    static let description = ObjectType(
        "Description", "What the library can be asked, and what it answers.",
        [
            Field("operations", .objects(operationDescription), required: true, "The operations."),
            Field("common", .objects(fieldDescription), required: true, "The fields that every operation takes."),
            Field("types", .objects(typeDescription), required: true, "The objects that fields and answers name."),
            Field(
                "enumerations", .objects(enumerationDescription), required: true,
                "The lists of strings that fields name."),
            Field("units", .strings, required: true, "What an integer may count."),
            Field("errorCodes", .strings, required: true, "The codes of all errors."),
            Field("reasons", .strings, required: true, "The reasons of not_found and connection_required."),
        ])

    private static let operationDescription = ObjectType(
        "OperationDescription", "An operation.",
        [
            Field("op", .string(), required: true, "Its name.", example: "fetch"),
            Field("method", .string(), required: true, "What the bindings call it.", example: "fetchToken"),
            Field("about", .string(), required: true, "What it does."),
            Field("backends", .strings, required: true, "Those that have it."),
            Field("fields", .objects(fieldDescription), required: true, "Its own fields."),
            Field("includes", .strings, "Types whose fields it takes besides."),
            Field("atLeastOneOf", .any, "Groups of fields of which at least one must be there."),
            Field("alone", .strings, "Fields that cannot be combined with others of their group."),
            Field("answer", .string(), required: true, "The type that it answers.", example: "TokenAnswer"),
            Field("errors", .strings, required: true, "Its own error codes, besides those that any call may answer."),
        ])

    private static let fieldDescription = ObjectType(
        "FieldDescription", "A field of a request, or a member of an answer.",
        [
            Field("name", .string(), required: true, "Its name."),
            Field("type", .string(), required: true, "Its type; docs/operations.md lists them.", example: "integer"),
            Field("required", .boolean, required: true, "Whether a request must have it, or an answer always has it."),
            Field("backends", .strings, required: true, "Those that take or answer it."),
            Field("about", .string(), required: true, "What it is."),
            Field(
                "of", .string(), "The type of the object or of an array's objects, or the enumeration of the string."),
            Field("unit", .string(), "What an integer counts.", example: "seconds"),
            Field("minimum", .integer(Int64.min...Int64.max), "An integer's least value."),
            Field("maximum", .integer(Int64.min...Int64.max), "An integer's greatest value."),
            Field("maxCount", .count, "The most objects that an array may hold."),
            Field("value", .any, "What a literal always is."),
            Field("example", .any, "A typical value."),
        ])

    private static let typeDescription = ObjectType(
        "TypeDescription", "An object by name.",
        [
            Field("name", .string(), required: true, "Its name.", example: "Token"),
            Field("about", .string(), required: true, "What it is."),
            Field("fields", .objects(fieldDescription), required: true, "Its own fields."),
            Field("includes", .strings, "Types whose fields it has besides."),
            Field("oneOf", .strings, "The types that it is one of; it has no fields then."),
        ])

    private static let enumerationDescription = ObjectType(
        "EnumerationDescription", "A list of strings by name.",
        [
            Field("name", .string(), required: true, "Its name.", example: "TokenStatus"),
            Field("about", .string(), required: true, "What it lists."),
            Field("values", .strings, required: true, "The strings. A later version may have more."),
        ])
}
