// Management keys: what a program proves with that it may use the whole REST API: docs/api.md.

extension Operation {
    static let managementKeys: [Operation] = [
        Operation(
            "management_keys.create",
            "Creates a management key, with which a program may use the whole of the REST API. The answer has the only copy.",
            backends: .inVault,
            fields: [
                Field(
                    "name", .string(maxBytes: 256), required: true, "What it is for, for people.", example: "backend"),
                Field(
                    "expiresIn", .integer(60...3_153_600_000, .seconds), "How long it is good for; forever by default."),
                Field(
                    "addresses", .strings,
                    "The networks that it may be used from, in CIDR notation, or single addresses; all by default."),
            ],
            answer: .createdManagementKey, errors: [.limit]),
        Operation(
            "management_keys.list", "Lists the management keys, by when they were created.", backends: .inVault,
            answer: .managementKeyList),
        Operation(
            "management_keys.delete", "Deletes a management key. It is refused from then on.", backends: .inVault,
            fields: [Field("id", .string(maxBytes: 64), required: true, "The key's id.", example: "9f86d081884c7d65")],
            answer: .nothing, errors: [.notFound]),
        Operation(
            "management_keys.verify",
            "Answers which management key this is. Whatever is wrong with it, the error is unauthorized.",
            backends: .inVault,
            fields: [
                Field("key", .foreign(.secretString), required: true, "The key, as somebody has sent it."),
                Field(
                    "address", .foreign(.string),
                    "The IP address that it came from. Without one, a key that has addresses is refused.",
                    example: "192.0.2.7"),
            ],
            answer: .managementKey, errors: [.unauthorized]),
    ]
}

extension ObjectType {
    static let managementKey = ObjectType(
        "ManagementKey", "A management key, without the key itself.",
        [
            Field("id", .string(), required: true, "Its id.", example: "9f86d081884c7d65"),
            Field("name", .string(), required: true, "What it is for."),
            Field("createdAt", .epochSeconds, required: true, "When it was created."),
            Field("expiresAt", .epochSeconds, "From when on it is refused; absent if it does not expire."),
            Field("addresses", .strings, "The networks that it may be used from; absent if these are all."),
        ])

    fileprivate static let createdManagementKey = ObjectType(
        "CreatedManagementKey", "A management key that was created.",
        [Field("key", .secret, required: true, "The key itself. The vault keeps only its hash.")],
        including: [managementKey])

    fileprivate static let managementKeyList = ObjectType(
        "ManagementKeyList", "The management keys, also those that have expired.",
        [Field("keys", .objects(managementKey), required: true, "The keys."), .unreadable])
}
