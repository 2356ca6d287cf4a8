internal import Connections
internal import HTTP
internal import JSON
internal import Runtime

extension Visit {
    func failure(_ status: Int, _ name: Texts.Name, title: String? = nil) -> Page {
        var page = Page(title: title ?? texts(.errorTitle), blocks: [.notice(.bad, texts(name))])
        page.status = status
        page.blocks += wayHome
        return page
    }

    var wayHome: [Page.Block] {
        user == nil ? [] : [.links([Page.Link(text: texts(.back), url: ownsTenant ? url("/") : mount.url("/"))])]
    }

    private var ownsTenant: Bool { user?.tenants.contains { $0.id == tenant } ?? false }

    private struct Telling {
        let status: Int
        let text: Texts.Name
    }

    /// What people are told of an error by its code.
    private static func telling(_ error: ConnError) -> Telling {
        switch error.code {
        case .notFound:
            switch error.reason {
            case .app: Telling(status: 404, text: .errorConnection)
            default: Telling(status: 404, text: .errorLink)
            }
        case .forbidden:
            switch error.field.map({ ID($0) }) {
            case "openedBy": Telling(status: 403, text: .errorOtherUser)
            case "tenant": Telling(status: 403, text: .errorTenant)
            default: Telling(status: 403, text: .errorForbidden)
            }
        case .invalidRequest: Telling(status: 400, text: .errorRequest)
        case .unauthorized, .misconfigured, .invalidConfig: Telling(status: 500, text: .errorSetting)
        case .rateLimited, .limit: Telling(status: 429, text: .errorRateLimited)
        case .unavailable: Telling(status: 503, text: .errorUnavailable)
        case .providerError: Telling(status: 502, text: .errorRefused)
        case .unsupported: Telling(status: 501, text: .errorUnsupported)
        case .conflict, .connectionRequired, .internal, .timeout, .cancelled:
            Telling(status: 500, text: .errorInternal)
        }
    }

    /// The pages on which a connect may end.
    private static let connecting: [ID] = ["/connect", "/callback", "/connected", "/key"]

    /// - Parameter app: the connection that it is about; nil if nobody knows.
    func page(about error: ConnError, _ app: ShownApp? = nil) -> Page {
        let telling = Self.telling(error)
        let service = app?.name ?? error.appID?.text
        let isDenied = error.errorCode.map { ID($0) } == "access_denied"
        var page = Page(
            status: telling.status,
            title: service.map { texts(error.reason == .app ? .errorTitle : .failedTitle, ["service": $0]) }
                ?? texts(.errorTitle),
            blocks: [
                .notice(
                    .bad, texts(isDenied ? .errorDenied : telling.text, ["service": service ?? texts(.errorService)]))
            ])
        if isDenied { page.status = 200 }  // it is what the user wanted
        let known = app?.id ?? error.appID
        let flowURL = error.redirectURL.flatMap { mount.isInFlow($0) ? URL($0) : nil }.map {
            FlowPlace.before($0, mount)
        }
        if error.code != .invalidRequest, error.reason != .app, let known, user != nil {
            let again = flowURL ?? url("/connect", [("app", known.text)])
            page.blocks.append(.links([Page.Link(text: texts(.tryAgain), url: again, style: .main)]))
        }
        page.blocks += wayHome
        // Where nobody knows the connection, anybody may have written what a callback says.
        let said = known == nil ? [] : [error.errorCode, error.errorDescription]
        let details = ([error.code.rawValue, error.message] + said).compactMap { $0 }
        page.blocks.append(.details(texts(.details), details))
        if Self.connecting.contains(path), flowURL == nil {
            page.ending = Page.Ending(isConnected: false, appID: known?.text)
        }
        return page
    }
}
