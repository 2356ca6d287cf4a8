internal import CDescopeConn
internal import Connections
internal import JSON
internal import Runtime

/// Where a function of the C ABI puts its JSON.
struct Output {
    let text: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    let length: UnsafeMutablePointer<Int>?

    init(_ text: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ length: UnsafeMutablePointer<Int>?) {
        self.text = text
        self.length = length
        text?.pointee = nil
        length?.pointee = 0
    }

    /// Hands an answer to the caller.
    /// - Returns: the status that goes with it.
    func write(_ answer: Result<JSON, ConnError>) -> Int32 {
        switch answer {
        case .success(let json): write(json, status: DESCOPE_CONN_OK)
        case .failure(let error): write(error.json, status: error.code.status)
        }
    }

    func write(_ error: ConnError, status: Int32? = nil) -> Int32 {
        write(error.json, status: status ?? error.code.status)
    }

    private func write(_ json: JSON, status: Int32) -> Int32 {
        guard let text else { return status }
        guard let dumped = json.dump() else { return DESCOPE_CONN_E_MEMORY }
        text.pointee = dumped.text
        length?.pointee = dumped.length
        return status
    }
}

extension ErrorCode {
    /// The C status; `E_FAILED` for what only `error.code` tells apart.
    var status: Int32 {
        switch self {
        case .invalidRequest, .invalidConfig: DESCOPE_CONN_E_ARGUMENT
        case .timeout: DESCOPE_CONN_E_TIMEOUT
        case .cancelled: DESCOPE_CONN_E_CANCELLED
        case .limit: DESCOPE_CONN_E_LIMIT
        default: DESCOPE_CONN_E_FAILED
        }
    }
}
