internal import Connections
internal import JSON
internal import Runtime

/// One request to the API, as its SDKs write it: null, "" and absent mean the same, and so does `undefined` in a query.
struct Call: Sendable {
    let method: ID
    let path: String
    /// Who asks; for whom, if the host says nothing else.
    private(set) var actor: String?
    private let query: Parameters
    private let text: String
    /// What the path names.
    private(set) var id = ""

    /// - Parameter request: fits the table of `api.handle`.
    init(_ request: Request) {
        method = ID(request.string("method") ?? "")
        path = request.string("path") ?? ""
        query = Parameters(request.string("query") ?? "")
        text = request.string("body") ?? ""
        actor = request.actor
    }

    func at(_ id: String) -> Call {
        var call = self
        call.id = id
        return call
    }

    func by(_ caller: Caller) -> Call {
        var call = self
        call.actor = actor ?? caller.name
        return call
    }

    /// A parameter of the query.
    subscript(name: StaticString) -> JSON? { query[name].flatMap { $0 == "undefined" ? nil : .string($0) } }

    /// The body without its empty members.
    func body() throws(ConnError) -> JSON {
        if text.isEmpty { return .object() }
        do {
            let body = try JSON.parse(text)
            guard body.kind == .object else { throw ConnError(.invalidRequest, "the body is no object", field: "body") }
            return body.withoutEmpties
        } catch let error as JSONError {
            throw ConnError(.invalidRequest, "the body is not taken: \(error.message)", field: "body")
        } catch let error as ConnError {
            throw error
        } catch {
            throw ConnError(.internal, "the body cannot be read")
        }
    }
}

extension JSON {
    /// The same object without members that are null or "", at any depth. A client secret that is "" stays: it clears what is
    /// there.
    var withoutEmpties: JSON {
        switch kind {
        case .object:
            let object = JSON.object()
            for (key, value) in members where value.kind != .null {
                guard ID(key) == "clientSecret" || value.withStringBytes({ $0.isEmpty }) != true else { continue }
                object.set(key, value.withoutEmpties)
            }
            return object
        case .array: return .array(elements.map(\.withoutEmpties))
        default: return self
        }
    }

    /// The members of these names alone.
    func only(_ names: [String]) -> JSON {
        let object = JSON.object()
        for name in names {
            if let value = self[name] { object.set(name, value) }
        }
        return object
    }
}
