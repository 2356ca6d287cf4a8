internal import JSON
internal import Runtime

/// The words of the pages in one language: `texts.json`.
struct Texts: Sendable {
    /// The language's tag (BCP 47).
    let language: String
    private let table: [ID: String]

    /// A text by its name in the table.
    enum Name: String, CaseIterable, Sendable {
        case skip, product, signedIn, home, homeOfTenant, back, details
        case connectTitle, connectAsks, connectIsAsked, connectForTenant, connectScopes, connectContinue, connectThere
        case connectUnasked
        case doneTitle, connectedTitle, connectedClose, connectedContinue, narrowTitle, narrowScopes, codeTitle,
            codeType
        case codeMinutes, notConnectedTitle, failedTitle, tryAgain
        case keyTitle, keyTitleOfTenant, keyForTenant, keyLabel, keyHint, keySave, keyMissing, keyWrong,
            keyRefused, keyUnchecked, keyHelp
        case scopeOpenID, scopeProfile, scopeEmail, scopeAddress, scopePhone, scopeOfflineAccess
        case flowStep, flowChoose, flowTenant, flowConnected, flowDone, flowSkip
        case homeNone, homeConnected, homeOffered, homeTenants, tenant, account, permissions, connect, reconnect,
            enterKey
        case replaceKey, disconnect, more
        case console, consoleForbidden, consoleNotInCloud, consoleDetails, consoleNoConnection
        case consoleNotFound, consoleInvalid, consoleConflict, consoleMisconfigured
        case consoleProviderError, consoleLimit, consoleFailed, consoleTokens, consoleTokensHint
        case consoleAnyStatus, consoleUser, consoleConnectionId, consoleConnection, consoleSubject
        case consoleInTenant, consoleExpires, consoleLastRefresh, consoleStatus, consoleFind
        case consoleNext, consoleNoTokens, consoleNoneOnThisPage, consoleNextRefresh
        case consoleRefreshExpires, consoleLastFetch, consoleSince, consoleGrantedBy
        case consoleTokenId, consoleRefresh, consoleRefreshBody, consoleKeyHasNoRefresh
        case consoleFetchedOnce, consoleNoRefreshToken, consoleRefreshed, consoleOtherRefreshed
        case consoleNotRefreshed, consoleRefreshRefused, consoleLink, consoleLinkBody
        case consoleLinkOfTenant, consoleNoLink, consoleDeleteToken, consoleDelete
        case consoleDeleteTokenTitle, consoleDeleteBody, consoleDeleteHereBody
        case consoleDeleteKeyBody, consoleDeleted, consoleDeletedHere, consoleRevoked
        case consolePending, consoleUnsupported, consoleTokenTitle, consoleRequired
        case consoleGranted, consoleMissing, consoleNone, timeJustNow, timeSoon, timeMinutesAgo
        case timeInMinutes, timeHoursAgo, timeInHours, timeDaysAgo, timeInDays
        case consoleRange, consolePrevious, consoleConnections, consoleNewConnection, consoleNewOf
        case consoleSearch, consoleUnreadable, consoleNoConnections, consoleKind, consoleOAuth
        case consoleShowTokens, consoleCustom, consoleKeyConnection, consoleOtherServices
        case consoleOtherBody, consoleNoTemplates, consoleCatalogue, consoleService, consoleNotes
        case consoleNewIdHint, consoleClientSecret, consoleSecretHint, consoleName
        case consoleNameHint, consoleClientId, consoleScopes, consoleScopesHint
        case consoleDescription, consoleLogo, consoleLogoHint, consoleDiscoveryUrl
        case consoleDiscoveryHint, consoleAuthorizationUrl, consoleTokenUrl, consoleRevocationUrl
        case consoleRevocationHint, consoleHost, consoleDomainHint, consoleLabelHint
        case consoleSameProvider, consoleSameProviderHint, consoleCreated, consoleSaved
        case consoleWarnings, consoleRedirectNew, consoleRedirect, consoleRedirectHint
        case consoleCreate, consoleCancel, consoleTemplate, consoleConnectLink, consoleTest
        case consoleTestBody, consoleTestGood, consoleLeadsTo, consoleSettings
        case consoleSettingsBody, consoleSave, consoleChangedMeanwhile, consoleDeleteConnection
        case consoleDeleteAppTitle, consoleDeleteAppBody, consoleDeleteAppCloud, consoleTenant
        case consoleAudit, consoleOperation, consoleOutcome, consoleActor, consoleTime
        case consoleThing, consoleNoRecords, consoleNewest, consoleOlder, consoleVerify
        case consoleVerifyBody, consoleAnchor, consoleAnchorHint, consoleIntact, consoleBroken
        case consoleKeepAnchor, consoleChain, consoleBrokenAt, consoleProblem, consoleVerified
        case consoleOutbox, consoleOutboxBody, consoleOutboxEmpty, consoleWaitsSince
        case consoleNextTry, consoleFailures, consoleDue, consoleRun, consoleRunRevoked
        case consoleRunFailed, consoleRunPending, consoleRunNothing, consoleKeys, consoleKeysBody
        case consoleKeyId, consoleKeyAge, consoleKeyRows, consoleKeyActive, consoleKeyOther
        case consoleMasterKey, consoleMasterKeyHint, consoleKeyAdd, consoleKeyAddBody
        case consoleKeyAdded, consoleKeyActivate, consoleKeyActivateBody, consoleKeyActivated
        case consoleKeyReseal, consoleKeyResealBody, consoleKeyResealed, consoleKeyDrop
        case consoleKeyDropBody, consoleKeyDropped, consoleKeyUnreadable, consoleNewSecretHint
        case consoleOverview, consoleConnectionCount, consolePartial, consoleHealth
        case consoleHealthGood, consoleHealthWarning, consoleHealthBad, consoleHealthBadShort
        case consoleExpiring, consoleExpiringNone, consoleExpiringShort, consoleFailing
        case consoleFlows, consoleNewFlow, consoleNoFlows, consoleFlow, consoleFlowId, consoleFlowActions
        case consoleFlowJson, consoleFlowHint, consoleFlowLink, consoleFlowSaved, consoleDeleteFlow
        case consoleDeleteFlowBody, consoleFlowDeleted
        case consoleScopeWords, consoleScopeWordsHint, consoleCredentials, consoleCredentialsHint
        case consoleCredentialRow, consoleAddCredential, consoleCredentialName, consoleCredentialNameHint
        case consoleCredentialLabel, consoleCredentialLabelHint, consoleCredentialSecret, consoleCredentialOptional
        case consoleCredentialPattern, consoleCredentialPatternHint, consoleCredentialHint
        case consoleCredentialHintHint, consoleCredentialHelp, consoleCredentialHelpHint, consoleCheck
        case consoleCheckHint, consoleCheckUrl, consoleCheckMethod, consoleCheckHeaders, consoleCheckHeadersHint
        case consoleCheckUser, consoleCheckUserHint, consoleCheckPassword, consoleMany, consoleNoDifference
        case consoleDifferences, consoleSetting, consoleSavedNow, consoleTyped, consoleFlowChangedMeanwhile
        case consoleAttention, consoleNoAttention
        case statusActive, statusExpiring, statusNeedsReauthorization
        case reasonNoRefreshToken, reasonExpired, reasonRefused, reasonUncertain, reasonRejected, reasonMoved
        case disconnectTitle, disconnectBody, disconnectHereBody, disconnectKeyBody, goneTitle, disconnectKeep,
            disconnectedTitle
        case revoked, revocationPending, revocationUnsupported, disconnectedGone
        case signInTitle, signInBody, signOut
        case errorTitle, errorRefused, errorDenied, errorLink, errorOtherUser, errorSetting, errorUnavailable
        case errorRateLimited, errorRequest, errorInternal, errorUnsupported, errorPage, errorMethod, errorForm
        case errorTooLarge, errorTenant, errorConnection, errorForbidden, errorService
    }

    /// - Parameter wanted: language tags, the dearest first.
    init(_ wanted: [String]) {
        let known = wanted.lazy.compactMap { tag -> Texts? in
            let primary = tag.split(separator: "-").first.map { ID(String($0).lowercased()) }
            return Self.all.first { ID($0.language) == primary }
        }
        self = known.first ?? Self.all[0]
    }

    private init(language: String, table: [ID: String]) {
        self.language = language
        self.table = table
    }

    /// - Parameter values: what stands in the places of `{name}`.
    func callAsFunction(_ name: Name, _ values: KeyValuePairs<StaticString, String> = [:]) -> String {
        var text = ""
        var rest = Substring(table[ID(name.rawValue)] ?? name.rawValue)
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            let place = rest[rest.index(after: open)..<close]
            text += rest[..<open]
            text += values.first { place.elementsEqual($0.key.description) }?.value ?? ""
            rest = rest[rest.index(after: close)...]
        }
        return text + rest
    }

    /// English first.
    static let all: [Texts] = {
        guard let document = try? PackageResources.texts_json.withUnsafeBytes({ try JSON.parse($0) }) else {
            fatalError("texts.json is no JSON")
        }
        return document.members.map { Texts(language: $0.key, table: $0.value.texts ?? [:]) }
    }()

    /// The texts that this language lacks.
    var missing: [Name] { Name.allCases.filter { table[ID($0.rawValue)] == nil } }

    /// The places of a text, by name.
    func places(of name: Name) -> [String] {
        (table[ID(name.rawValue)] ?? "").split(separator: "{", omittingEmptySubsequences: false).dropFirst()
            .compactMap { $0.split(separator: "}", omittingEmptySubsequences: false).first.map(String.init) }.sorted()
    }

    var count: Int { table.count }
}
