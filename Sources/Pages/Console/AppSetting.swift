internal import Connections
internal import JSON
internal import Runtime

/// A setting of a connection that the console's forms ask for, or a member of one: a row of the table.
struct AppSetting: Sendable {
    /// How it is written in a form.
    enum Shape: Sendable {
        case text
        /// With the spaces around it.
        case verbatim
        case secret
        /// Strings, with a space or a line between them.
        case words
        /// Strings by name, one to a line, with a mark between name and string: as it is written, and as it is read.
        case lines(written: String, read: String)
        /// Whether it is so; this where nothing is set.
        case flag(standard: Bool)
        /// One of these; the first where nothing is set.
        case choice([String])
    }

    /// The wire name.
    let name: String
    let label: Texts.Name
    var hint: Texts.Name?
    var shape = Shape.text

    /// What stands in hints for the place of what a user has entered.
    static let values: KeyValuePairs<StaticString, String> = ["key": "{\(CredentialName.key)}"]

    private static let id = AppSetting(name: "id", label: .consoleConnectionId, hint: .consoleNewIdHint)
    private static let secret = AppSetting(
        name: "clientSecret", label: .consoleClientSecret, hint: .consoleSecretHint, shape: .secret)
    private static let newSecret = AppSetting(
        name: "clientSecret", label: .consoleClientSecret, hint: .consoleNewSecretHint, shape: .secret)
    private static let appName = AppSetting(name: "name", label: .consoleName, hint: .consoleNameHint)
    private static let clientID = AppSetting(name: "clientId", label: .consoleClientId)
    private static let scopes = AppSetting(
        name: "defaultScopes", label: .consoleScopes, hint: .consoleScopesHint, shape: .words)
    private static let scopeWords = AppSetting(
        name: "scopeDescriptions", label: .consoleScopeWords, hint: .consoleScopeWordsHint,
        shape: .lines(written: " = ", read: " = "))
    private static let about = [
        AppSetting(name: "description", label: .consoleDescription),
        AppSetting(name: "logo", label: .consoleLogo, hint: .consoleLogoHint),
    ]
    private static let endpoints = [
        AppSetting(name: "discoveryUrl", label: .consoleDiscoveryUrl, hint: .consoleDiscoveryHint),
        AppSetting(name: "authorizationUrl", label: .consoleAuthorizationUrl),
        AppSetting(name: "tokenUrl", label: .consoleTokenUrl),
        AppSetting(name: "revocationUrl", label: .consoleRevocationUrl, hint: .consoleRevocationHint),
    ]
    /// Of the request alone: whether the addresses of an authorization server may change below grants that stand.
    private static let sameProvider = AppSetting(
        name: "sameProvider", label: .consoleSameProvider, hint: .consoleSameProviderHint, shape: .flag(standard: false)
    )

    /// Of a new connection that is made from a template.
    static let ofTemplate = [id, appName, clientID, newSecret, scopes]
    /// Of a new connection without one.
    static let ofCustom = [id, appName, clientID, newSecret] + endpoints + [scopes]
    static let ofKey = [id, appName] + about

    /// Of a connection that is there.
    static func edited(takesKey: Bool) -> [AppSetting] {
        takesKey
            ? [appName] + about
            : [appName] + about + [clientID, secret] + endpoints + [scopes, scopeWords, sameProvider]
    }
}

// MARK: - In a form

extension AppSetting {
    /// A field of a form.
    /// - Parameters:
    ///   - name: its name in the form.
    ///   - settings: an `App`, a member of one, or what was typed of it.
    ///   - problem: what is wrong with a field of the form.
    func input(_ texts: Texts, as name: String, of settings: JSON, problem: ConnError?) -> Page.Input {
        let kind: Page.Input.Kind =
            switch shape {
            case .text, .verbatim: .text
            case .secret: .secret
            case .words, .lines: .lines
            case .flag: .checkbox
            case .choice(let values): .choice(values.map { ($0, $0) })
            }
        return Page.Input(
            name: name, label: texts(label), kind: kind, value: text(of: settings), isRequired: false,
            hint: hint.map { texts($0, Self.values) }, problem: problem?.message(about: name))
    }

    /// What stands in the field.
    private func text(of settings: JSON) -> String? {
        let value = settings[name]
        switch shape {
        case .text, .verbatim, .secret: return value?.string
        case .words: return value?.strings?.joined(separator: "\n")
        case .lines(let mark, _):
            // Until it is settled it is as it was typed.
            guard let value, value.kind == .object else { return value?.string }
            return value.members.map { "\($0.key)\(mark)\($0.value.string ?? "")" }.joined(separator: "\n")
        case .flag(let standard): return value?.boolean ?? standard ? "on" : nil
        case .choice(let values): return value?.string ?? values.first
        }
    }

    /// Whether somebody has written something: a choice or a check mark says nothing by itself.
    var isWritten: Bool {
        switch shape {
        case .flag, .choice: false
        case .text, .verbatim, .secret, .words, .lines: true
        }
    }

    /// Writes what a form says over settings. A field that is not in the form leaves its setting alone, and an empty one
    /// clears it.
    /// - Parameter name: its name in the form.
    func write(_ body: Parameters, as name: String, to settings: JSON) {
        let text = body.sent(ID(name))
        guard isWritten else { return writeChoice(text, to: settings) }
        // Some of what is shown reads otherwise than it was written, such as spaces at an end.
        guard let text, ID(text.replacingLineEnds) != self.text(of: settings).map({ ID($0) }) else { return }
        let words = text.split(whereSeparator: Self.isSpace)
        guard !words.isEmpty else { return settings.remove(self.name) }
        switch shape {
        case .words: settings.set(self.name, .strings(words.map(String.init)))
        case .verbatim, .lines: settings.set(self.name, .string(text))
        default: settings.set(self.name, .string(Self.trimmed(text)))
        }
    }

    private func writeChoice(_ text: String?, to settings: JSON) {
        switch shape {
        case .flag(let standard):
            let isOn = text != nil
            if isOn == standard { settings.remove(name) } else { settings.set(name, .boolean(isOn)) }
        case .choice(let values):
            guard let text else { return }
            if values.first.map({ ID($0) }) == ID(text) {
                settings.remove(name)
            } else {
                settings.set(name, .string(text))
            }
        default: break
        }
    }

    /// Makes of what was typed what the setting is.
    /// - Parameter name: its name in the form.
    /// - Throws: `invalid_request` for lines that cannot be read.
    func settle(_ settings: JSON, as name: String) throws(ConnError) {
        guard case .lines(let written, let read) = shape, let typed = settings[self.name]?.string else { return }
        let strings = JSON.object()
        for line in typed.split(whereSeparator: Self.isLineEnd) where !line.allSatisfy(Self.isSpace) {
            guard let (key, string) = Self.cut(line, at: read), !key.isEmpty else {
                throw .invalid(name, "has a line without \"\(written)\" after a name")
            }
            guard strings[key] == nil else { throw .invalid(name, "names something twice") }
            strings.set(key, .string(string))
        }
        settings.set(self.name, strings)
    }

    private static func cut(_ line: Substring, at mark: String) -> (String, String)? {
        var rest = line.utf8
        while !rest.isEmpty {
            if rest.starts(with: mark.utf8) {
                let string = Substring(rest.dropFirst(mark.utf8.count))
                return (trimmed(String(line[..<rest.startIndex])), trimmed(String(string)))
            }
            rest.removeFirst()
        }
        return nil
    }

    private static func isSpace(_ character: Character) -> Bool {
        character == " " || character == "\t" || isLineEnd(character)
    }

    private static func isLineEnd(_ character: Character) -> Bool {
        character == "\n" || character == "\r\n" || character == "\r"
    }

    static func trimmed(_ text: String) -> String {
        var rest = text.drop(while: isSpace)
        while rest.last.map(isSpace) == true { rest.removeLast() }
        return String(rest)
    }
}

extension String {
    /// Browsers send the ends of lines as CR LF.
    fileprivate var replacingLineEnds: String {
        String(decoding: utf8.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
    }
}

extension ConnError {
    /// What is wrong with a field, or deeper in it; nil if the error tells of another one.
    func message(about name: String) -> String? {
        guard let field, field.utf8.starts(with: name.utf8) else { return nil }
        let next = field.utf8.dropFirst(name.utf8.count).first
        return next == nil || next == UInt8(ascii: ".") || next == UInt8(ascii: "[") ? message : nil
    }
}
