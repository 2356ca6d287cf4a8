package import Runtime

/// One exchange with a server, without any policy: no redirect is followed, no status is an error.
package struct HTTPRequest: Sendable {
    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case delete = "DELETE"
    }

    package struct Header: Sendable {
        package var name: String
        package var value: Secret

        package init(_ name: String, _ value: Secret) {
            self.name = name
            self.value = value
        }

        package init(_ name: String, _ value: String) { self.init(name, Secret(value)) }
    }

    package var method: Method
    /// Absolute, https or http. Holds no secret.
    package var url: String
    package var headers: [Header]
    package var body: Secret?
    /// Bounds this exchange, connecting included. Milliseconds.
    package var timeoutMilliseconds: Int
    /// Once begun, the exchange goes on when its caller's time is up or it is cancelled, and so does what follows it:
    /// the reply may hold the only refresh token there is. It is never sent twice on its own: it gets a new connection.
    package var mustFinish: Bool
    /// The server gets it once at most: it goes over a connection of its own, since libcurl sends again what a reused
    /// one has swallowed.
    package var atMostOnce: Bool
    /// Refuses to connect to loopback, link-local and private addresses, checked on the address actually connected to,
    /// so that a name cannot lead there either. For hosts that came from outside, such as discovery documents. Where a
    /// proxy is set the request always goes through it, and what a name leads to is for the proxy to judge; addresses
    /// and names of this machine are refused all the same.
    package var publicAddressesOnly: Bool
    /// The connection that it is made for, where one is known: what must finish is named by it in the log.
    package var connection: String?

    package init(
        _ method: Method, _ url: String, headers: [Header] = [], body: Secret? = nil,
        timeoutMilliseconds: Int, mustFinish: Bool = false, atMostOnce: Bool = false, publicAddressesOnly: Bool = false
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeoutMilliseconds = timeoutMilliseconds
        self.mustFinish = mustFinish
        self.atMostOnce = atMostOnce
        self.publicAddressesOnly = publicAddressesOnly
    }
}

package struct HTTPResponse: Sendable {
    package var status: Int
    /// Names in lower case; the last of several equal ones.
    package var headers: [ID: String]
    package var body: Secret

    package init(status: Int, headers: [ID: String], body: Secret) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Why there is no response.
package struct HTTPFailure: Error, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// The name does not resolve.
        case resolve
        /// No connection came about; nothing was sent.
        case connect
        /// The server's certificate or the TLS handshake was refused; nothing was sent.
        case tls
        /// The time of the exchange was up.
        case timeout
        /// The connection ended before a whole response was there.
        case interrupted
        /// The response is larger than ``maxBodyBytes``.
        case tooLarge = "too_large"
        /// The address is one that `publicAddressesOnly` refuses.
        case blockedAddress = "blocked_address"
        /// The request cannot be made: a malformed URL or header, a proxy or CA file that is not there.
        case invalid
    }

    package var kind: Kind
    /// For people; names the host, never a URL's query, a header or a body.
    package var message: String
    /// False when it is certain that the server got nothing of the request.
    package var mayHaveArrived: Bool

    package init(_ kind: Kind, _ message: String, mayHaveArrived: Bool) {
        self.kind = kind
        self.message = message
        self.mayHaveArrived = mayHaveArrived
    }

    /// Larger responses end the exchange: nothing here needs more.
    package static let maxBodyBytes = 4 << 20
}

package typealias HTTPResult = Result<HTTPResponse, HTTPFailure>

/// How a handle's exchanges leave the process.
package struct HTTPOptions: Sendable {
    /// PEM file with the certificate authorities to trust. They take the place of the system's. Nil: `SSL_CERT_FILE`
    /// and `SSL_CERT_DIR`, then the system's known places.
    package var caFile: String?
    /// For every server. Nil: the usual variables (`https_proxy`, `http_proxy`, `all_proxy`, `no_proxy`), read when the
    /// transport is made. Empty: none.
    package var proxy: String?

    package init(caFile: String? = nil, proxy: String? = nil) {
        self.caFile = caFile
        self.proxy = proxy
    }
}
