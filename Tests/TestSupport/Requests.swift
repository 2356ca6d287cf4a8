package import Connections
package import JSON

/// A request as an operation gets it: written, and read as a host's is.
package func checked(_ operation: String, _ request: JSON, backend: BackendKind = .vault) throws(ConnError) -> Request {
    try request.text.withBytes { (bytes) throws(ConnError) in
        try Request(bytes, operation: operation, backend: backend)
    }
}

extension String {
    package func withBytes<Value>(
        _ body: (UnsafeRawBufferPointer) throws(ConnError) -> Value
    ) throws(ConnError) -> Value {
        var copy = self
        return try copy.withUTF8 { bytes in
            Result { () throws(ConnError) in try body(UnsafeRawBufferPointer(bytes)) }
        }.get()
    }
}

/// What a body throws.
package func error(of body: () throws -> Void) -> ConnError? {
    do {
        try body()
        return nil
    } catch {
        return error as? ConnError
    }
}

extension Result where Failure == ConnError {
    package var error: ConnError? {
        if case .failure(let error) = self { error } else { nil }
    }

    package var code: ErrorCode? { error?.code }
}
