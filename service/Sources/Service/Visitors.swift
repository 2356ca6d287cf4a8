import DescopeConn
import Glibc
import HTTPTypes

/// Tells who is signed in where a request came from.
final class Visitors: Sendable {
    private let client: Client
    private let settings: ServiceSettings
    let sessions = Expiring<SignedIn>(lifetime: .seconds(8 * 3600), maxCount: 100_000)
    let cookie: Cookie

    init(_ client: Client, _ settings: ServiceSettings, isSecure: Bool, cookieName: String) {
        self.client = client
        self.settings = settings
        cookie = Cookie(cookieName, isSecure: isSecure)
    }

    func find(_ fields: HTTPFields) async throws(ConnError) -> SignedIn? {
        if settings.isDevelopment { return SignedIn(user: "dev", name: "Developer", isAdministrator: true) }
        if let key = cookie.value(in: fields), let found = sessions.find(key) {
            if try await isGood(found) { return found }
            sessions.take(key)
        }
        guard let jwt = Self.jwt(fields) else { return nil }
        do {
            return signedIn(try await client.verifyJwt(jwt: Secret(jwt)))
        } catch {
            guard error.code == .unauthorized else { throw error }
            return nil
        }
    }

    /// Whoever has signed in with a management key is signed in for as long as the key is good.
    private func isGood(_ session: SignedIn) async throws(ConnError) -> Bool {
        guard let id = session.managementKey else { return true }
        return try await client.managementKeys.list().keys.contains { key in
            key.id == id && (key.expiresAt.map { $0 > time(nil) } ?? true)
        }
    }

    /// The session of Descope's web SDKs: a cookie, or a header where a page sets one.
    private static func jwt(_ fields: HTTPFields) -> String? {
        if let cookie = Cookie.value(of: "DS", in: fields) { return cookie }
        let parts = (fields[.authorization] ?? "").split(separator: " ")
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return parts[1].split(separator: ":").last.map(String.init)
    }

    private func signedIn(_ jwt: VerifiedJwt) -> SignedIn? {
        guard let user = jwt.userId else { return nil }
        let tenants = jwt.tenantIds.filter { tenant in
            guard case .array(let roles)? = jwt.claims["tenants"]?[tenant]?["roles"] else { return false }
            return roles.contains { role in
                if case .string(let name) = role { settings.tenantRoles.contains(name) } else { false }
            }
        }
        var name: String?
        if case .string(let text)? = jwt.claims["name"] ?? jwt.claims["email"] { name = text }
        return SignedIn(
            user: user, name: name, tenants: tenants,
            isAdministrator: settings.administrators.contain(user: user, roles: jwt.roles))
    }
}
