import DescopeConn
import HTTPTypes
import Hummingbird

/// Signs users in at an OpenID provider, which is a connection of the vault: the provider says who the user is in the ID token
/// of a connect that is nobody's, and whose token is deleted at once. The token comes straight from the provider, in exchange
/// for a code that is bound to this browser (state, PKCE and a cookie).
struct SignIn: Sendable {
    private struct Begun: Sendable {
        /// The cookie of the browser in which it began.
        let browser: String
        /// The subject of the connect.
        let user: String
        /// Where the user was going to: a path of the service's own.
        let next: String
    }

    /// As the audit names it.
    private static let actor = "sign-in"
    private let client: Client
    private let settings: ServiceSettings
    private let visitors: Visitors
    private let connection: String
    private let browser: Cookie
    /// By their states.
    private let begun = Expiring<Begun>(lifetime: .seconds(600), maxCount: 10_000)

    /// - Returns: nil where users sign in elsewhere.
    init?(_ client: Client, _ settings: ServiceSettings, _ visitors: Visitors) {
        guard let connection = settings.signIn.connection else { return nil }
        self.client = client
        self.settings = settings
        self.visitors = visitors
        self.connection = connection
        browser = Cookie("descope-conn-sign-in", isSecure: settings.publicURL.isSecure)
    }

    /// - Parameter next: the parameter of that name, which anybody may have written.
    func begin(next: String?) async throws -> Response {
        let user = "sign-in/\(RandomText.make())"
        let page = "\(settings.publicURL.text)\(ServiceSettings.pagesPath)/connected"
        let url = try await client.connect(
            appId: connection, userId: user, options: ConnectOptions(redirectUrl: page), actor: Self.actor
        ).url
        // Connect URLs lead to the consent page, which wants a user: this one is opened here.
        var target = url
        if let ticket = Query(ofURL: url)["ticket"] {
            let opened = try await client.openConnect(
                ticket: ticket, openedBy: Opener(userId: user), actor: Self.actor)
            target = opened.url ?? ""
        }
        guard let state = Query(ofURL: target)["state"] else {
            throw ServiceError("the connection \(connection) cannot sign users in")
        }
        let key = RandomText.make()
        begun.keep(Begun(browser: key, user: user, next: Self.own(next)), at: state)
        return .leading(to: target, cookies: [browser.setting(key, seconds: begun.seconds)])
    }

    /// - Returns: nil where the callback is none of a sign-in.
    func end(_ query: String, _ fields: HTTPFields) async throws -> Response? {
        var parameters = Query(query)
        guard let state = parameters["state"], let started = begun.find(state) else { return nil }
        guard browser.value(in: fields) == started.browser else {
            // Of another browser: who follows a link of somebody else's would be signed in as them.
            return SignPage.failure(.forbidden, "The sign-in was not begun in this browser.").response
        }
        begun.take(state)
        let done: CompleteAnswer
        do {
            done = try await client.complete(
                state: parameters.take("state"), code: parameters.take("code"), error: parameters.take("error"),
                errorDescription: parameters.take("error_description"), iss: parameters.take("iss"),
                parameters: parameters.rest, openedBy: Opener(userId: started.user), actor: Self.actor)
        } catch {
            return SignPage.failure(.forbidden, "The provider did not sign you in.").response
        }
        let found = try await client.listTokens(userId: started.user, actor: Self.actor)
        if let token = done.tokenId {
            // Only here: at some providers that would end what the user has allowed for good.
            try await client.deleteTokens(tokenId: token, revoke: false, actor: Self.actor)
        }
        guard let subject = found.tokens.first?.tokenSub, !subject.isEmpty else {
            throw ServiceError("the provider of \(connection) does not say who the user is")
        }
        let session = RandomText.make()
        visitors.sessions.keep(
            SignedIn(
                user: subject, isOurs: true,
                isAdministrator: settings.administrators.contain(user: subject, roles: [])), at: session)
        return .leading(
            to: settings.publicURL.text + started.next,
            cookies: [
                visitors.cookie.setting(session, seconds: visitors.sessions.seconds), browser.setting("", seconds: 0),
            ])
    }

    /// A path of the service's own; anything else leads to the pages.
    static func own(_ next: String?) -> String {
        let home = ServiceSettings.pagesPath + "/"
        guard let next, next.hasPrefix(home), next.utf8.count <= 4096, next.utf8.allSatisfy({ 0x21...0x7E ~= $0 }),
            !next.contains("\\")
        else { return home }
        return next
    }
}
