internal import Runtime

/// The HTML of a page.
struct PageView {
    private let page: Page
    private let visit: Visit

    init(_ page: Page, _ visit: Visit) {
        self.page = page
        self.visit = visit
    }

    var html: String {
        let texts = visit.texts
        let product = visit.product ?? texts(.product)
        var html = HTML()
        html.element("html", ["lang": texts.language]) { html in
            html.element("head") { html in
                html.start("meta", ["charset": "utf-8"])
                html.start("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"])
                html.start("meta", ["name": "color-scheme", "content": "light dark"])
                html.element("title", "\(page.title) · \(product)")
                html.start("link", ["rel": "stylesheet", "href": visit.mount.base + Asset.style.path.text])
                if let ending = page.ending { script(ending, &html) }
            }
            html.element("body", ["class": page.navigation.map { _ in "wide" }]) { html in
                html.element("a", ["class": "skip", "href": "#main"], texts(.skip))
                if let notice = visit.notice {
                    html.element("p", ["class": "notice warning", "role": "note"], notice)
                }
                html.element("header") { html in
                    html.element("p", ["class": "product"], product)
                    if let user = visit.user {
                        html.element("p", ["class": "user"]) { html in
                            html.text(texts(.signedIn, ["user": user.name ?? user.id.text]))
                            if let url = visit.signOutURL {
                                html.text(" · ")
                                html.element("a", ["href": url], texts(.signOut))
                            }
                        }
                    }
                }
                if let navigation = page.navigation { write(navigation, &html) }
                html.element("main", ["id": "main"]) { html in
                    if let logo = page.logo { self.logo(logo, &html) }
                    html.element("h1", page.title)
                    for block in page.blocks { write(block, &html) }
                }
            }
        }
        return "<!doctype html>" + html.source + "\n"
    }

    /// Tells the window that opened this one; without a script the user reads it, and closes the page.
    private func script(_ ending: Page.Ending, _ html: inout HTML) {
        html.element(
            "script",
            [
                "src": visit.mount.base + Asset.ending.path.text, "defer": "",
                "data-result": ending.isConnected ? "connected" : "failed", "data-app": ending.appID,
                "data-origin": visit.openerOrigin,
            ], "")
    }

    private func logo(_ url: String, _ html: inout HTML) {
        html.start(
            "img",
            ["class": "logo", "src": url, "alt": "", "width": "40", "height": "40", "referrerpolicy": "no-referrer"]
        )
    }

    private func write(_ block: Page.Block, _ html: inout HTML) {
        switch block {
        case .paragraph(let text): html.element("p", text)
        case .quiet(let text): html.element("p", ["class": "hint"], text)
        case .notice(let tone, let text):
            html.element("p", ["class": "notice \(tone.rawValue)", "role": tone == .bad ? "alert" : "status"], text)
        case .names(let label, let names):
            html.element("p", label)
            html.element("ul", ["class": "names"]) { html in
                for name in names { html.element("li") { $0.element("code", name) } }
            }
        case .scopes(let label, let scopes):
            html.element("p", label)
            html.element("ul", ["class": "names"]) { html in
                for scope in scopes {
                    html.element("li") { html in
                        if let description = scope.description { html.element("span", "\(description) ") }
                        html.element("code", scope.name)
                    }
                }
            }
        case .code(let code): html.element("p", ["class": "code"], code)
        case .links(let links):
            html.element("p", ["class": "actions"]) { html in
                for link in links { write(link, &html) }
            }
        case .choices(let links):
            html.element("ul", ["class": "choices"]) { html in
                for link in links { html.element("li") { write(link, &$0) } }
            }
        case .form(let form): write(form, &html)
        case .section(let title, let blocks):
            html.element("section") { html in
                html.element("h2", title)
                for block in blocks { write(block, &html) }
            }
        case .card(let card): write(card, &html)
        case .facts(let facts): write(facts, &html)
        case .table(let table): write(table, &html)
        case .filter(let filter): write(filter, &html)
        case .picture(let picture): write(picture, &html)
        case .listing(let text): html.element("pre") { $0.text(text, keepsLines: true) }
        case .details(let summary, let lines):
            html.element("details") { html in
                html.element("summary", summary)
                for line in lines { html.element("p", line) }
            }
        }
    }

    func write(_ link: Page.Link, _ html: inout HTML) {
        let style =
            switch link.style {
            case .main: "button main"
            case .outline: "button"
            case .plain: "plain"
            }
        html.element("a", ["class": style, "href": link.url, "rel": "noreferrer"]) { html in
            if let logo = link.logo { self.logo(logo, &html) }
            html.text(link.text)
            if let about = link.about { html.element("span", ["class": "unseen"], " \(about)") }
        }
    }

    private func write(_ form: Page.Form, _ html: inout HTML) {
        html.element("form", ["method": "post", "action": form.action]) { html in
            html.start(
                "input", ["type": "hidden", "name": Page.Form.tokenName.description, "value": form.token])
            let start = self.start(of: form)
            for field in form.fields { write(field, hasFocus: field.name == start, &html) }
            for group in form.groups { write(group, start: start, &html) }
            // The first button is what the Enter key stands for.
            html.element("p", ["class": "actions"]) { html in
                html.element("button", ["class": form.isDangerous ? "button danger" : "button main"], form.submit)
                if let other = form.otherSubmit {
                    html.element(
                        "button",
                        ["class": "button", "name": other.name.description, "value": "1", "formnovalidate": ""],
                        other.text)
                }
                if let cancel = form.cancel { write(cancel, &html) }
            }
        }
    }

    /// The field where typing begins: at what is wrong, where the form says, or at the first where a page is there for its
    /// form.
    private func start(of form: Page.Form) -> String? {
        let fields = form.fields + form.groups.flatMap(\.fields)
        let wrong = fields.first { $0.problem != nil }?.name
        return wrong ?? form.start ?? (page.navigation == nil ? fields.first?.name : nil)
    }

    private func write(_ group: Page.Form.Group, start: String?, _ html: inout HTML) {
        html.element("fieldset") { html in
            html.element("legend", group.legend)
            if let problem = group.problem { html.element("p", ["class": "problem", "role": "alert"], problem) }
            if let hint = group.hint { html.element("p", ["class": "hint"], hint) }
            for field in group.fields { write(field, hasFocus: field.name == start, &html) }
        }
    }

    func write(_ field: Page.Input, hasFocus: Bool, _ html: inout HTML) {
        let id = "field-\(field.name)"
        let described = [field.problem.map { _ in "\(id)-problem" }, field.hint.map { _ in "\(id)-hint" }]
            .compactMap { $0 }
        let common: HTML.Attributes = [
            "id": id, "name": field.name, "required": field.isRequired ? "" : nil, "autofocus": hasFocus ? "" : nil,
            "aria-invalid": field.problem.map { _ in "true" },
            "aria-describedby": described.isEmpty ? nil : described.joined(separator: " "),
        ]
        let typed: HTML.Attributes = ["autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"]
        if case .checkbox = field.kind {
            html.element("p", ["class": "checkbox"]) { html in
                html.start("input", common + ["type": "checkbox", "checked": field.value.map { _ in "" }])
                html.element("label", ["for": id], field.label)
            }
        } else {
            html.element("label", ["for": id], field.label)
        }
        if let problem = field.problem {
            html.element("p", ["class": "problem", "id": "\(id)-problem", "role": "alert"], problem)
        }
        switch field.kind {
        case .text: html.start("input", common + typed + ["type": "text"], value: field.value)
        case .secret: html.start("input", common + typed + ["type": "password"])
        case .lines:
            html.element("textarea", common + typed + ["rows": "8"]) { html in
                html.text(field.value ?? "", isInField: true)
            }
        case .choice(let choices):
            html.element("select", common) { html in
                for choice in choices {
                    let isChosen = field.value.map { ID($0) } == ID(choice.value)
                    html.element(
                        "option", ["value": choice.value, "selected": isChosen ? "" : nil], choice.label)
                }
            }
        case .checkbox: break
        }
        if let hint = field.hint { html.element("p", ["class": "hint", "id": "\(id)-hint"], hint) }
        if let help = field.help {
            html.element("p", ["class": "hint"]) { html in
                html.element("a", ["href": help.url, "rel": "noreferrer", "target": "_blank"], help.text)
            }
        }
    }

    private func write(_ card: Page.Card, _ html: inout HTML) {
        html.element("article", ["class": "card"]) { html in
            html.element("h3") { html in
                if let logo = card.logo { self.logo(logo, &html) }
                html.text(card.title)
            }
            if let status = card.status {
                html.element("p", ["class": "status \(card.tone?.rawValue ?? "")"], status)
            }
            if let note = card.note { html.element("p", note) }
            if !card.facts.isEmpty {
                html.element("dl") { html in
                    for fact in card.facts {
                        html.element("dt", fact.label)
                        html.element("dd", fact.value)
                    }
                }
            }
            if !card.links.isEmpty { write(.links(card.links), &html) }
        }
    }
}
