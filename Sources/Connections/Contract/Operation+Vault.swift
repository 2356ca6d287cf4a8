// The vault itself: its keys, its audit, its copies, and what it holds too long.

extension Operation {
    static let vaultItself: [Operation] = [
        Operation(
            "export", method: "exportTokens",
            "Answers tokens with their secrets, as store_tokens and store_api_key take them. The configuration must have "
                + "allowExport.",
            backends: .inVault,
            fields: [
                Field("appId", .string(maxBytes: 256), "Only this connection."), .userID, .tenantID,
                limit, after,
            ],
            answer: .export,
            errors: [.forbidden]),
        Operation(
            "retention.sweep", method: "deleteIdleTokens",
            "Deletes the tokens that have been idle for longer than their connection allows, and what has expired.",
            backends: .inVault, answer: .sweep),
        Operation(
            "keys.list", "Lists the keys that seal the vault, and how many rows each has sealed.",
            backends: .inVault, answer: .sealingKeys),
        Operation(
            "keys.add", "Creates a key. It seals nothing before it is activated.", backends: .inVault,
            answer: .addedKey, errors: [.limit]),
        Operation(
            "keys.activate", "Makes a key the one that seals what is written from now on.", backends: .inVault,
            fields: [Field("id", .string(maxBytes: 64), required: true, "The key.", example: "5d1c22f0")],
            answer: .nothing,
            errors: [.notFound]),
        Operation(
            "keys.reseal",
            "Seals with the active key what other keys have sealed. It may take long; what is done when the time is up stays "
                + "done, and another call goes on.", backends: .inVault,
            answer: .resealing),
        Operation(
            "keys.drop", "Removes a key for good. It is a conflict while the key still seals a row.",
            backends: .inVault,
            fields: [Field("id", .string(maxBytes: 64), required: true, "The key.", example: "5d1c22f0")],
            answer: .nothing,
            errors: [.notFound, .conflict]),
        Operation(
            "audit.list", "Lists who did what to which token, the oldest first unless newestFirst is set.",
            backends: .inVault,
            fields: [
                Field("appId", .string(maxBytes: 256), "Only of this connection."), .userID, .tenantID,
                Field("tokenId", .string(maxBytes: 256), "Only of this token."),
                Field("operation", .string(maxBytes: 64), "Only of this operation, such as fetch or refresh."),
                Field("byActor", .string(maxBytes: 512), "Only what this actor asked for."),
                Field("outcome", .string(maxBytes: 64), "Only what ended so: ok, or an error's code, for instance."),
                Field(
                    "newestFirst", .boolean,
                    "The newest first. A page may then hold few records, or none, and still have a next; as after, "
                        + "only that of such a page is taken."),
                limit, Field("after", .string(maxBytes: 1024), "The next or the end of an answer before."),
            ],
            answer: .auditPage),
        Operation(
            "audit.verify", "Verifies that the audit is whole: no record was changed, removed, added or moved.",
            backends: .inVault,
            fields: [
                Field(
                    "anchor", .string(maxBytes: 4096),
                    "That of an earlier answer, kept elsewhere: what it notes must be there still.")
            ],
            answer: .auditVerdict),
        Operation(
            "backup", method: "backUp",
            "Copies the vault, as it is at one moment, to a new file. Others read and write meanwhile.",
            backends: .inVault,
            fields: [
                Field(
                    "path", .string(maxBytes: 4096), required: true,
                    "Absolute, in a folder that exists; the file must not exist.", example: "/backups/vault.db")
            ],
            answer: .backup, errors: [.unsupported]),
        Operation(
            "backup.check", method: "checkBackup",
            "Checks that a copy of the vault is whole: all of it is read with the vault's keys, and nothing is changed.",
            backends: .inVault,
            fields: [
                Field(
                    "path", .string(maxBytes: 4096), required: true, "The copy's absolute path.",
                    example: "/backups/vault.db")
            ],
            answer: .backupVerdict,
            errors: [.unsupported, .misconfigured]),
    ]
}

extension ObjectType {
    private static let newAPIKey = ObjectType(
        "NewApiKey", "One API key, as store_api_key takes it.",
        [.appID, .userID, .tenantID, Field("apiKey", .secret, required: true, "The key."), .credentials])

    static let export = ObjectType(
        "Export", "Tokens with all their secrets.",
        [
            Field("tokens", .objects(newToken), required: true, "For store_tokens."),
            Field("apiKeys", .objects(newAPIKey), required: true, "Each for store_api_key."),
            Field("next", .string(), "Where the next page begins, if there is one."), .unreadable,
        ])

    static let sweep = ObjectType(
        "Sweep", "What was deleted.",
        [Field("deleted", .count, required: true, "How many tokens.", example: 3), .unreadable])

    private static let sealingKey = ObjectType(
        "SealingKey", "A key that seals rows of the vault.",
        [
            Field("id", .string(), required: true, "The key's id.", example: "9f86d081"),
            Field("active", .boolean, required: true, "Whether it seals what is written now."),
            Field("addedAt", .epochSeconds, required: true, "When it was made.", example: 1_760_000_000),
            Field("rows", .count, required: true, "How many rows it has sealed."),
        ])

    static let sealingKeys = ObjectType(
        "SealingKeys", "The keys of the vault.",
        [
            Field("masterKey", .string(), required: true, "The id of the master key, which seals the other keys."),
            Field("keys", .objects(sealingKey), required: true, "The keys that seal rows."),
        ])

    static let addedKey = ObjectType(
        "AddedKey", "A key that was made.",
        [Field("id", .string(), required: true, "The key's id.", example: "9f86d081")])

    static let resealing = ObjectType(
        "Resealing", "What was sealed again.",
        [
            Field("resealed", .count, required: true, "How many rows."),
            Field("unreadable", .count, required: true, "How many rows do not open, and stay as they are."),
        ])

    private static let auditMark = ObjectType(
        "AuditMark", "A record of the audit, and its hash.",
        [
            Field("chain", .count, required: true, "Its chain."),
            Field("sequence", .count, required: true, "Its number in the chain."),
            Field("hash", .string(), required: true, "Its hash, in hexadecimal digits."),
        ])

    private static let auditRecord = ObjectType(
        "AuditRecord", "What somebody did. docs/audit.md lists the outcomes.",
        [
            Field("chain", .count, required: true, "The chain of records that it is in."),
            Field("sequence", .count, required: true, "Its number in the chain.", example: 17),
            Field(
                "timeMs", .integer(0...Int64.max, .epochMilliseconds), required: true, "When.",
                example: 1_760_000_000_000),
            Field("op", .string(), required: true, "The operation.", example: "fetch"),
            Field("outcome", .string(), required: true, "What came of it.", example: "ok"),
            Field("actor", .string(), "Who asked, or which tool."),
            Field("appId", .string(), "The connection."), .userID, .tenantID,
            Field("tokenId", .string(), "The token."),
            Field("keyId", .string(), "The key that seals rows, or the management key."),
            Field("flowId", .string(), "The flow."),
            Field("previous", .string(), required: true, "The hash of the record before it in its chain."),
            Field("witness", .object(auditMark), "The record of another chain that it vouches for."),
        ])

    static let auditPage = ObjectType(
        "AuditPage", "Records of the audit, in the order that was asked for.",
        [
            Field("records", .objects(auditRecord), required: true, "Those of this page."),
            Field("next", .string(), "Where the next page begins, if there is one."),
            Field("end", .string(), "Where later records will begin, if there is no next page. Not with newestFirst."),
            .unreadable,
        ])

    private static let auditIntact = ObjectType(
        "AuditIntact", "The audit is whole.",
        [
            Field("ok", .literal(true), required: true, "It is whole."),
            Field("verified", .count, required: true, "How many records were verified."),
            Field("anchor", .string(), required: true, "To keep elsewhere, for a later audit.verify."),
        ])

    private static let auditBroken = ObjectType(
        "AuditBroken", "The audit is not whole.",
        [
            Field("ok", .literal(false), required: true, "It is not whole."),
            Field("verified", .count, required: true, "How many records were verified."),
            Field("chain", .count, required: true, "The chain that is not whole."),
            Field("brokenAt", .count, required: true, "The number of the record in it; 0 is the chain's head."),
            Field("problem", .string(), required: true, "What is wrong there, for people."),
        ])

    static let auditVerdict = ObjectType(
        "AuditVerdict", "Whether the audit is whole.", oneOf: [auditIntact, auditBroken])

    static let backup = ObjectType(
        "Backup", "A copy of the vault.",
        [
            Field("path", .string(), required: true, "The file."),
            Field("bytes", .integer(0...Int64.max, .bytes), required: true, "The file's size."),
            Field("rows", .count, required: true, "How many rows it holds."),
        ])

    static let backupVerdict = ObjectType(
        "BackupVerdict", "Whether a copy of the vault is whole: all its rows open, and so does its audit.",
        [
            Field("path", .string(), required: true, "The file."),
            Field("ok", .boolean, required: true, "Whether it is whole."),
            Field("rows", .count, required: true, "How many rows it holds."),
            Field("unreadable", .count, required: true, "How many of them do not open."),
            Field("audit", .object(auditVerdict), required: true, "What audit.verify says of it."),
        ])

    /// Of an operation whose success says all.
    static let nothing = ObjectType("Nothing", "No members: that it succeeded is all there is to say.", [])
}
