internal import Connections
internal import JSON
internal import OAuth

/// The operations on the catalogue of providers.
enum TemplateOperations {
    static func list() -> Step<JSON> {
        let templates = Template.all.map { template in
            JSON.object([
                "id": .string(template.id), "name": .string(template.name), "hosts": template.row["hosts"],
                "notes": template.notes.map(JSON.string),
            ])
        }
        return .done(.object(["templates": .array(templates)]))
    }

    static func load(_ request: Request) throws(ConnError) -> Step<JSON> {
        guard let template = Template.named(try request.requiredID("id")) else {
            throw ConnError(.notFound, "the catalogue has no provider of this id", field: "id")
        }
        return .done(.object(["template": template.row]))
    }
}
