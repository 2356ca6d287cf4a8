internal import JSON

/// The connect card: a resource of MCP Apps (SEP-1865, 2026-01-26), which a client shows beside the results of the tools
/// that name it. It reads what `Words.metaKey` has in a result, and shows nothing where that is missing.
enum ConnectCard {
    static let uri = "ui://descope-conn/connect"

    static let resource = JSON.object([
        "uri": .string(uri),
        "name": .string("connect"),
        "mimeType": .string(Abilities.appsMimeType),
        "text": .string(String(decoding: PackageResources.connect_card_html, as: UTF8.self)),
        "toolMeta": .object(["ui": .object(["resourceUri": .string(uri)])]),
    ])
}
