package import Connections
package import JSON
package import Runtime

/// One provider's OAuth client, as data. What a provider does differently is a value here, never a branch elsewhere.
package struct Provider: Sendable {
    /// How the client proves itself at the token endpoint.
    package enum AuthMethod: String, Sendable, CaseIterable {
        /// Id and secret, each form-encoded, in the Authorization header (RFC 6749 section 2.3.1).
        case basic = "client_secret_basic"
        /// Id and secret in the body.
        case post = "client_secret_post"
        /// The secret as a bearer token in the Authorization header.
        case bearer = "client_secret_bearer"
        /// The id alone: a public client.
        case none
    }

    package enum BodyFormat: String, Sendable, CaseIterable {
        case form, json
    }

    /// When an access token expires if the reply says neither `expires_in` nor `expires_at`.
    package enum ExpiryRule: Sendable, Equatable {
        /// What a JWT's `exp` says; unknown when the token is no JWT.
        case jwt
        /// So many seconds after the reply.
        case fixed(seconds: Int64)
        /// Not before it is revoked.
        case never
    }

    package enum Rotation: String, Sendable, CaseIterable {
        /// A refresh token is valid for one use, and using it again may revoke the grant.
        case singleUse = "single_use"
        /// Each refresh brings a new refresh token; the one before goes on working for a time.
        case sliding
        /// The refresh token stays the same.
        case fixed
        /// There are no refresh tokens.
        case none
        case unknown
    }

    /// For messages.
    package var id: String
    package var clientID: String
    package var clientSecret: Secret?

    package var authorizationURL: String?
    package var tokenURL: String?
    /// Where refresh requests go, when not to ``tokenURL``.
    package var refreshURL: String?
    package var revocation: Revocation?
    /// Where authorization requests are pushed before the browser goes there (RFC 9126).
    package var pushedAuthorizationURL: String?
    /// Where devices without a browser begin (RFC 8628).
    package var deviceAuthorizationURL: String?
    /// Where clients register themselves (RFC 7591).
    package var registrationURL: String?
    /// Asked when an access token expires, where nothing else tells (RFC 7662).
    package var introspectionURL: String?
    package var callback = Callback()
    /// Compared with a callback's `iss` (RFC 9207) and with the discovery document's. May hold `{tenantid}`.
    package var issuer: String?
    /// Of the discovery document; or the issuer, whose document is looked for.
    package var discoveryURL: String?
    /// The provider's document or row says that each callback carries `iss` (RFC 9207): one without it is refused.
    package var requiresIssuerInCallback = false
    /// An authorization request without a scope is refused.
    package var needsScopes = false

    /// Nil: ``basic`` with a secret, ``none`` without.
    package var authMethod: AuthMethod?
    /// What the discovery document says of the token endpoint; nil when it says nothing.
    package var supportedAuthMethods: [AuthMethod]?
    package var bodyFormat = BodyFormat.form

    package var scopeSeparator = " "
    /// Characters that part the scopes in a reply.
    package var replyScopeSeparators = " "
    /// The member of a reply that names what was granted.
    package var replyScopeName = "scope"
    package var scopeRules = ScopeRules()
    /// Added to the authorization URL. A name that is there already gets this value instead.
    package var authorizeParameters: [Parameter] = []
    /// Names that the authorization URL must not have.
    package var droppedAuthorizeParameters: [String] = []
    /// The provider's names for the standard's in the authorization URL, such as `client_key` for `client_id`.
    package var renamedAuthorizeParameters: [ID: String] = [:]
    /// The same for the bodies of token requests.
    package var renamedTokenParameters: [ID: String] = [:]
    /// Added to each token request's body. A name that is there already gets this value instead.
    package var tokenParameters: [Parameter] = []
    package var usesPKCE = true
    /// Google's `access_type`.
    package var accessType: String?
    /// OpenID prompt values, unless a request names others.
    package var prompt: [String] = []

    /// Where a reply has its access token, tried in order; dots go deeper. What belongs to the token stands beside it.
    package var tokenPaths = ["access_token"]
    /// The unit of `expires_in` is the millisecond.
    package var expiresInMilliseconds = false
    package var expiryRule = ExpiryRule.jwt
    /// What a reply says besides, kept as the token's metadata; dots go deeper.
    package var replyMetadata: [String] = []
    /// The provider's own error codes, and those that mean something else here than in the standard: in small letters.
    package var errorMap: [ID: TokenFailure.Kind] = [:]
    /// Where else a refusal has its code, tried first; dots go deeper, also to an array's elements, from 0.
    package var errorPaths: [String] = []
    /// What a refusal's words hold that has no code of its own: in small letters.
    package var errorMessages: [(text: String, kind: TokenFailure.Kind)] = []

    package var refreshGrantType = "refresh_token"
    package var refreshTokenParameter = "refresh_token"
    /// There are no refresh tokens: the access token itself is exchanged for a new one, while it lives.
    package var accessTokenRefreshes = false
    package var rotation = Rotation.unknown
    /// How long a used refresh token works once more, for those who lost the reply. Seconds.
    package var refreshGraceSeconds: Int64 = 0
    /// How long a refresh token lives if the reply does not say. Seconds.
    package var refreshLifetimeSeconds: Int64?

    /// Lets requests go to loopback, link-local and private addresses also where a discovery document sends them.
    package var allowsPrivateAddresses = false
    /// The endpoints that its discovery document names. The others are the operator's, or the catalogue's.
    package var discovered: Set<ID> = []
    /// The ``Switch``es that are set, as rows have them.
    package private(set) var switches: [ID: JSON] = [:]
    /// Bounds each request, connecting included.
    package var timeoutMilliseconds = 30_000

    package init(id: String, clientID: String, clientSecret: Secret? = nil) {
        self.id = id
        self.clientID = clientID
        self.clientSecret = clientSecret
    }

    /// Whether an endpoint may be at a public address alone.
    func mustBePublic(_ url: String) -> Bool { !allowsPrivateAddresses && discovered.contains(ID(url)) }

    /// One name and its value, neither of them secret.
    package struct Parameter: Sendable, Equatable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// How a token is revoked.
    package struct Revocation: Sendable {
        package enum Method: String, Sendable {
            case post = "POST"
            case delete = "DELETE"
        }

        package enum Authentication: String, Sendable {
            /// As at the token endpoint.
            case client
            /// The id and secret in the Authorization header, whatever the token endpoint takes.
            case basic
            /// The token itself, in the Authorization header and nowhere else.
            case token
        }

        package enum Takes: String, Sendable {
            case any
            case accessToken = "access_token"
            case refreshToken = "refresh_token"
        }

        package var url: String
        package var method = Method.post
        package var bodyFormat = BodyFormat.form
        package var authentication = Authentication.client
        package var takes = Takes.any
        package var tokenParameter = "token"
        /// Whether the user's whole grant goes, and not the token alone; nil when nobody says.
        package var revokesGrant: Bool?

        /// RFC 7009, as far as nothing is changed afterwards.
        package init(url: String) { self.url = url }
    }
}

extension Provider {
    /// Sets a ``Switch``. The members of an object go over those that are there.
    /// - Throws: `invalid_request` for a value that is not for it.
    package mutating func set(_ name: Switch, _ value: JSON) throws(ConnError) {
        do throws(Row.Problem) {
            try take(name, value)
        } catch {
            throw .invalid(name.name, "has a value that is not allowed: \(error.place)")
        }
    }

    mutating func take(_ name: Switch, _ value: JSON) throws(Row.Problem) {
        var value = value
        if value.kind == .object, let before = switches[ID(name.name)] {
            let merged = before.shallowCopy()
            for (key, member) in value.members { merged.set(key, member) }
            value = merged
        }
        let row = JSON.object()
        row.set(name.name, value)
        try name.read(Row(row), &self)
        switches[ID(name.name)] = value
    }

    var usedAuthMethod: AuthMethod { authMethod ?? (clientSecret == nil ? .none : .basic) }
}
