internal import Connections
internal import Crypto
internal import HTTP
internal import JSON
internal import Runtime

extension Answer {
    /// An `HttpAnswer`.
    func json(_ visit: Visit) -> JSON {
        switch self {
        case .page(let page):
            return Self.json(
                page.status, visit.method == "HEAD" ? "" : PageView(page, visit).html,
                [
                    "content-type": "text/html; charset=utf-8", "cache-control": "no-store",
                    "content-language": visit.texts.language,
                    "content-security-policy": visit.contentSecurityPolicy(page),
                    "x-frame-options": "DENY",
                    // With no-referrer, browsers say "Origin: null" of these pages' own forms too.
                    "referrer-policy": "same-origin",
                    // Where a window elsewhere waits for the end, no policy of the host's may part it from this one.
                    "cross-origin-opener-policy": visit.openerOrigin == nil ? nil : "unsafe-none",
                    "allow": page.allowedMethods,
                ])
        case .seeOther(let url):
            return Self.json(
                303, "",
                [
                    "content-type": "text/plain; charset=utf-8", "location": url, "cache-control": "no-store",
                    "referrer-policy": "same-origin",
                ])
        case .asset(let asset):
            return Self.json(
                200, visit.method == "HEAD" ? "" : asset.text,
                [
                    "content-type": asset.type, "cache-control": "public, max-age=31536000, immutable",
                    "cross-origin-resource-policy": "same-origin",
                ])
        }
    }

    private static func json(_ status: Int, _ body: String, _ headers: KeyValuePairs<String, String?>) -> JSON {
        let fields = JSON.object(["x-content-type-options": .string("nosniff")])
        for case let (name, value?) in headers { fields.set(name, .string(URL.ascii(value))) }
        return .object(["status": .integer(status), "headers": fields, "body": .string(body)])
    }
}

extension Visit {
    /// What the page may load: its style, its script if it has one, and the logos that it shows.
    fileprivate func contentSecurityPolicy(_ page: Page) -> String {
        var logos: [ID] = []
        for logo in page.logos {
            let source = logo.utf8.starts(with: "data:".utf8) ? "data:" : URL(logo)?.origin ?? "'none'"
            if !logos.contains(ID(source)) { logos.append(ID(source)) }
        }
        var policy = "default-src 'none'; style-src \(mount.base)\(Asset.style.path.text)"
        if page.ending != nil { policy += "; script-src \(mount.base)\(Asset.ending.path.text)" }
        if !logos.isEmpty { policy += "; img-src " + logos.map(\.text).joined(separator: " ") }
        policy += page.hasForm ? "; form-action 'self'" : "; form-action 'none'"
        return policy + "; base-uri 'none'; frame-ancestors 'none'"
    }
}

extension Page {
    fileprivate var logos: [String] { (logo.map { [$0] } ?? []) + blocks.flatMap(\.logos) }

    fileprivate var hasForm: Bool { blocks.contains(where: \.hasForm) }
}

extension Page.Block {
    fileprivate var logos: [String] {
        switch self {
        case .card(let card): card.logo.map { [$0] } ?? []
        case .links(let links), .choices(let links): links.compactMap(\.logo)
        case .section(_, let blocks): blocks.flatMap(\.logos)
        default: []
        }
    }

    fileprivate var hasForm: Bool {
        switch self {
        case .form, .filter: true
        case .section(_, let blocks): blocks.contains(where: \.hasForm)
        default: false
        }
    }
}

/// A file that pages load. Its path has a hash of it, so that browsers may keep it for ever.
struct Asset: Sendable {
    let path: ID
    let type: String
    let text: String

    static let style = Asset(PackageResources.style_css, "css", "text/css; charset=utf-8")
    static let ending = Asset(PackageResources.ending_js, "js", "text/javascript; charset=utf-8")

    static func at(_ path: ID) -> Asset? { [style, ending].first { $0.path == path } }

    private init(_ bytes: [UInt8], _ suffix: String, _ type: String) {
        let hash = bytes.withUnsafeBytes { Crypto.base64URL(Crypto.sha256($0)) }
        path = ID("/static/\(hash.prefix(16)).\(suffix)")
        self.type = type
        text = String(decoding: bytes, as: UTF8.self)
    }
}
