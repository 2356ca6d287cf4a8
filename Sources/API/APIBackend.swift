package import Connections
package import JSON
internal import Runtime

/// Any backend, with Descope's REST API above it.
package final class APIBackend: BackendLayer {
    package let backend: any Backend

    package init(_ backend: any Backend) { self.backend = backend }

    package func begin(_ request: Request) throws(ConnError) -> Step<JSON> {
        guard ID(request.operation) == "api.handle" else { return try backend.begin(request) }
        let call = Call(request)
        return try Step.attempt({ () throws(ConnError) in try answer(call) }) { (result) throws(ConnError) in
            switch result {
            case .success(let body): return .done(Reply(200, body).json)
            case .failure(let error):
                // Nobody waits for an answer any more.
                if [.timeout, .cancelled].contains(error.code) { throw error }
                return .done(Reply(error).json)
            }
        }
    }

    private func answer(_ call: Call) throws(ConnError) -> Step<JSON> {
        let path = Path(call.path)
        let fitting = Route.all.compactMap { route in route.path.match(path).map { (route, $0) } }
        guard !fitting.isEmpty else { throw ConnError(.notFound, "there is no such endpoint", field: "path") }
        guard let (route, id) = fitting.first(where: { $0.0.method == call.method }) else {
            throw ConnError(.unsupported, "the endpoint has no such method", field: "method")
        }
        guard let caller = call.caller else { throw ConnError(.unauthorized, "nobody is signed in") }
        guard !route.isForManagers || caller.isManager else {
            throw ConnError(.forbidden, "this needs a management key")
        }
        return try route.perform(self, call.at(id), caller)
    }

    func perform(_ operation: String, _ fields: JSON, for call: Call) throws(ConnError) -> Step<JSON> {
        try perform(operation, fields, actor: call.actor)
    }
}

/// An endpoint: a row of the table.
struct Route: Sendable {
    typealias Handler = @Sendable (APIBackend, Call, Caller) throws(ConnError) -> Step<JSON>

    let method: ID
    let path: Path
    var isForManagers = true
    let perform: Handler

    init(_ method: ID, _ path: String, forAll: Bool = false, _ perform: @escaping Handler) {
        self.method = method
        self.path = Path(path)
        isForManagers = !forAll
        self.perform = perform
    }
}

/// A path by its parts. Slashes at its ends and beside others do not count: a base URL may end in one.
struct Path: Sendable {
    private let parts: [ID]

    init(_ text: String) { parts = text.split(separator: "/").map { ID(String($0)) } }

    /// Whether a request's path is this one. `{id}`, at the end, stands for the rest.
    /// - Returns: what `{id}` stands for, "" where there is none; nil if it is not this one.
    func match(_ other: Path) -> String? {
        guard parts.last == "{id}" else { return parts == other.parts ? "" : nil }
        let fixed = parts.count - 1
        guard other.parts.count > fixed, other.parts.prefix(fixed).elementsEqual(parts.prefix(fixed)) else {
            return nil
        }
        return other.parts.dropFirst(fixed).map(\.text).joined(separator: "/")
    }
}
