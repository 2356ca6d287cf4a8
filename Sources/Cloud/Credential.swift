internal import Connections
internal import HTTP
internal import JSON
internal import Runtime

/// Which credential an endpoint takes.
enum Credential: Sendable {
    /// The management key.
    case key
    /// The access token of the user or client that the call is for. The management key names no user.
    case token
    /// The access token where the request brings one, else the management key.
    case tokenOrKey

    /// The header `Authorization: Bearer <projectId>:<key or token>`.
    /// - Throws: when the credential is missing, before anything is sent.
    func header(for fields: JSON, _ config: CloudConfig) throws(ConnError) -> HTTPRequest.Header {
        var credential: Secret?
        if self != .key, let token = fields["accessToken"]?.stringSecret {
            guard token.isCredential else { throw .invalid("accessToken", "holds a character that no token has") }
            credential = token
        } else if self == .token {
            throw .invalid(
                "accessToken", "is missing: the URL is for the user that it names; a management key names none")
        } else {
            credential = config.managementKey
        }
        guard let credential else {
            let orToken = self == .tokenOrKey ? ", and the request has no accessToken" : ""
            throw ConnError(.unauthorized, "the config has no managementKey\(orToken)", field: "managementKey")
        }
        let prefix = Array("Bearer \(config.projectID):".utf8)
        let value = credential.withBytes { credential in
            Secret(count: prefix.count + credential.count) { value in
                value.copyBytes(from: prefix)
                UnsafeMutableRawBufferPointer(rebasing: value[prefix.count...]).copyBytes(from: credential)
            }
        }
        return HTTPRequest.Header("authorization", value)
    }
}

extension Secret {
    /// Visible ASCII without the colon that separates the parts of the header.
    var isCredential: Bool {
        withBytes { bytes in bytes.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ":") } }
    }
}
