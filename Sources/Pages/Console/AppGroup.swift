internal import Connections
internal import JSON
internal import Runtime

/// A setting of a connection that has members, or a list of such, in the console's forms. Its fields' names are those by
/// which errors tell of them.
struct AppGroup: Sendable {
    /// The wire name.
    let name: String
    let legend: Texts.Name
    let hint: Texts.Name
    let members: [AppSetting]
    /// Of a list: what each of its rows is called, and the most that there may be.
    var rows: (legend: Texts.Name, maxCount: Int)?

    /// Of connections of type apikey.
    static let ofKey = [credentials, check]

    private static let credentials = AppGroup(
        name: "credentials", legend: .consoleCredentials, hint: .consoleCredentialsHint,
        members: [
            AppSetting(name: "name", label: .consoleCredentialName, hint: .consoleCredentialNameHint),
            AppSetting(name: "label", label: .consoleCredentialLabel, hint: .consoleCredentialLabelHint),
            AppSetting(name: "secret", label: .consoleCredentialSecret, shape: .flag(standard: true)),
            AppSetting(name: "optional", label: .consoleCredentialOptional, shape: .flag(standard: false)),
            AppSetting(
                name: "pattern", label: .consoleCredentialPattern, hint: .consoleCredentialPatternHint,
                shape: .verbatim),
            AppSetting(name: "hint", label: .consoleCredentialHint, hint: .consoleCredentialHintHint),
            AppSetting(name: "helpUrl", label: .consoleCredentialHelp, hint: .consoleCredentialHelpHint),
        ], rows: (.consoleCredentialRow, 16))

    private static let check = AppGroup(
        name: "credentialCheck", legend: .consoleCheck, hint: .consoleCheckHint,
        members: [
            AppSetting(name: "url", label: .consoleCheckUrl),
            AppSetting(name: "method", label: .consoleCheckMethod, shape: .choice(["GET", "POST"])),
            AppSetting(
                name: "headers", label: .consoleCheckHeaders, hint: .consoleCheckHeadersHint,
                shape: .lines(written: ": ", read: ":")),
            AppSetting(name: "userName", label: .consoleCheckUser, hint: .consoleCheckUserHint, shape: .verbatim),
            AppSetting(name: "password", label: .consoleCheckPassword, shape: .verbatim),
        ])
}

extension AppGroup {
    private func path(_ row: Int?) -> String { row.map { "\(name)[\($0)]." } ?? "\(name)." }

    private func isSent(_ body: Parameters, _ row: Int? = nil) -> Bool {
        members.contains { $0.isWritten && body.sent(ID(path(row) + $0.name)) != nil }
    }

    /// The rows of a form, by their numbers in it.
    private func sentRows(_ body: Parameters) -> [Int] {
        guard let rows else { return [] }
        return (0..<rows.maxCount).filter { isSent(body, $0) }
    }

    private func isEmpty(_ object: JSON) -> Bool { members.allSatisfy { !$0.isWritten || object[$0.name] == nil } }

    /// Writes what a form says over settings.
    /// - Parameter keepsEmptyRows: rows in which nothing is written stay.
    func write(_ body: Parameters, to settings: JSON, keepsEmptyRows: Bool) {
        let numbers = sentRows(body)
        if !numbers.isEmpty {
            let rows = numbers.map { written(body, over: .object(), $0) }.filter { keepsEmptyRows || !isEmpty($0) }
            settings.set(name, .array(rows))
            if rows.isEmpty { settings.remove(name) }
        } else if rows == nil, isSent(body) {
            let object = written(body, over: settings[name] ?? .object(), nil)
            settings.set(name, object)
            if isEmpty(object) { settings.remove(name) }
        }
    }

    private func written(_ body: Parameters, over before: JSON, _ row: Int?) -> JSON {
        let object = before.shallowCopy()
        for member in members { member.write(body, as: path(row) + member.name, to: object) }
        return object
    }

    /// Makes of what was typed what the setting is.
    /// - Throws: `invalid_request`.
    func settle(_ settings: JSON) throws(ConnError) {
        guard rows == nil, let object = settings[name]?.shallowCopy() else { return }
        for member in members { try member.settle(object, as: path(nil) + member.name) }
        settings.set(name, object)
    }

    /// Adds an empty row, if there may be more.
    /// - Returns: the name of its first field.
    func addRow(to settings: JSON) -> String? {
        let elements = settings[name]?.elements ?? []
        guard let rows, elements.count < rows.maxCount else { return nil }
        settings.set(name, .array(elements + [.object()]))
        return path(elements.count) + (members.first?.name ?? "")
    }

    /// - Parameters:
    ///   - settings: an `App`, or what was typed of it.
    ///   - problem: what is wrong with it.
    func groups(_ texts: Texts, of settings: JSON, problem: ConnError?) -> [Page.Form.Group] {
        let value = settings[name]
        let head = Page.Form.Group(
            legend: texts(legend), hint: texts(hint, AppSetting.values),
            problem: problem.flatMap { $0.field.map { ID($0) } == ID(name) ? $0.message : nil },
            fields: rows == nil ? fields(texts, value ?? .object(), nil, problem) : [])
        guard let rows else { return [head] }
        return [head]
            + (value?.elements ?? []).enumerated().map { row, object in
                Page.Form.Group(
                    legend: texts(rows.legend, ["number": String(row + 1)]),
                    fields: fields(texts, object, row, problem))
            }
    }

    private func fields(_ texts: Texts, _ object: JSON, _ row: Int?, _ problem: ConnError?) -> [Page.Input] {
        members.map { $0.input(texts, as: path(row) + $0.name, of: object, problem: problem) }
    }
}
