// Flows: what the pages lead a user through: docs/flows.md.

extension Operation {
    static let flows: [Operation] = [
        Operation(
            "flows.create", "Creates a flow: what the pages lead a user through, one action after the other.",
            backends: .inVault,
            fields: [
                Field("id", .string(maxBytes: 256), "Chosen for you when absent.", example: "onboarding"),
                .copiedVersion,
            ],
            including: [.flowSettings], answer: .savedFlow, errors: [.conflict]),
        Operation(
            "flows.update", "Replaces a flow: what is absent becomes empty.", backends: .inVault,
            fields: [.flowID, .expectedVersion], including: [.flowSettings], answer: .savedFlow,
            errors: [.notFound, .conflict]),
        Operation(
            "flows.load", "Answers one flow.", backends: .inVault, fields: [.flowID], answer: .loadedFlow,
            errors: [.notFound]),
        Operation(
            "flows.list", "Lists all flows: by their ids, or a page at a time.", backends: .inVault,
            fields: [.limitOfAll, after], answer: .flowList),
        Operation(
            "flows.delete", "Deletes a flow. What users have connected by it stays.", backends: .inVault,
            fields: [.flowID], answer: .nothing, errors: [.notFound]),
    ]
}

extension Field {
    fileprivate static let flowID = Field(
        "id", .string(maxBytes: 256), required: true, "The flow.", example: "onboarding")
}

extension ObjectType {
    static let flowSettings = ObjectType(
        "FlowSettings", "What a flow is made of.",
        [
            Field("name", .string(maxBytes: 256), "What it is called, for people."),
            Field("instructions", .string(), "Shown above each of its actions that has none of its own."),
            Field(
                "actions", .objects(flowAction, maxCount: 32), required: true,
                "What the user does, in this order. At least one."),
            Field(
                "redirectUrls", .strings,
                "The URLs at which it may end. A link to the flow names one of them, character for character; without a "
                    + "name the flow ends at the first, and on a page that says so if there are none."),
            Field(
                "fixed", .boolean,
                "True: a link to the flow cannot ask for another connection or for other scopes."),
        ])

    private static let flowAction = ObjectType(
        "FlowAction",
        "A step of a flow. It has either a connection of its own or buttons that the user chooses from.",
        [
            Field("type", .oneOf(.flowActionType), required: true, "What the user does.", example: "connect"),
            Field(
                "appId", .string(maxBytes: 256), "The connection. No button is shown.", example: "google-calendar"),
            Field("buttons", .objects(flowButton, maxCount: 64), "The choices."),
            Field("scopes", .strings, "Asked for in place of the connection's default scopes."),
            Field("title", .string(maxBytes: 256), "The page's title; by default it names the service."),
            Field("instructions", .string(), "Shown above the action."),
            Field("optional", .boolean, "True: the user may skip it."),
        ])

    private static let flowButton = ObjectType(
        "FlowButton", "A button for a connection.",
        [
            .appID,
            Field("text", .string(maxBytes: 256), "By default, Connect and the service's name."),
            Field("style", .oneOf(.flowButtonStyle), "outline by default."),
            Field("logo", .string(maxBytes: 65536), "A URL or data URL; by default the connection's logo."),
        ])

    private static let flow = ObjectType(
        "Flow", "A flow.",
        [Field("id", .string(), required: true, "Its id.", example: "onboarding"), .settingsVersion],
        including: [flowSettings])

    fileprivate static let savedFlow = ObjectType(
        "SavedFlow", "The flow as it is now.",
        [
            Field("flow", .object(flow), required: true, "The flow."),
            Field(
                "warnings", .objects(settingWarning),
                "What must be set before the flow works; absent if nothing is missing."),
        ])

    fileprivate static let loadedFlow = ObjectType(
        "LoadedFlow", "A flow.", [Field("flow", .object(flow), required: true, "The flow.")])

    fileprivate static let flowList = ObjectType(
        "FlowList", "All flows, or a page of them.",
        [
            Field("flows", .objects(flow), required: true, "The flows, by their ids."),
            Field("next", .string(), "For after; absent when nothing follows."), .unreadable,
        ])
}

extension Enumeration {
    fileprivate static let flowActionType = Enumeration(
        "FlowActionType",
        "What a user does in a flow: connect an account, or enter an API key, for the user or for a tenant that the user may act for.",
        FlowActionType.allCases.map(\.rawValue))
    fileprivate static let flowButtonStyle = Enumeration(
        "FlowButtonStyle", "How a button looks.", ["filled", "outline", "link"])
}

/// What a user does in a step of a flow.
package enum FlowActionType: String, CaseIterable, Sendable {
    case connect
    case tenantConnect = "tenant_connect"
    case connectAPIKey = "connect_api_key"
    case connectTenantAPIKey = "connect_tenant_api_key"

    /// Whether it is for connections of type apikey.
    package var takesKey: Bool { self == .connectAPIKey || self == .connectTenantAPIKey }

    /// Whether what it brings is a tenant's.
    package var isOfTenant: Bool { self == .tenantConnect || self == .connectTenantAPIKey }
}
