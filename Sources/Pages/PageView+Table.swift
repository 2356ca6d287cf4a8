extension PageView {
    func write(_ navigation: Page.Navigation, _ html: inout HTML) {
        html.element("nav", ["aria-label": navigation.label]) { html in
            html.element("ul") { html in
                for link in navigation.links {
                    html.element("li") { html in
                        html.element(
                            "a", ["href": link.url, "aria-current": link.isCurrent ? "true" : nil], link.text)
                    }
                }
            }
        }
    }

    /// On a narrow screen the style makes a block of each row, with the columns' names in it. Browsers then take it for a
    /// table no more, unless the roles say so.
    func write(_ table: Page.Table, _ html: inout HTML) {
        html.element("table", ["role": "table"]) { html in
            html.element("caption", ["class": "unseen"], table.caption)
            html.element("thead", ["role": "rowgroup"]) { html in
                html.element("tr", ["role": "row"]) { html in
                    for column in table.columns {
                        html.element("th", ["scope": "col", "role": "columnheader"], column)
                    }
                }
            }
            html.element("tbody", ["role": "rowgroup"]) { html in
                for row in table.rows {
                    html.element("tr", ["role": "row"]) { html in
                        for (column, cell) in zip(table.columns, row) {
                            html.element("td", ["role": "cell", "data-column": column]) { write(cell, &$0) }
                        }
                    }
                }
            }
        }
    }

    func write(_ facts: [Page.Fact], _ html: inout HTML) {
        html.element("dl") { html in
            for fact in facts {
                html.element("dt", fact.label)
                html.element("dd") { write(fact.value, &$0) }
            }
        }
    }

    private func write(_ cell: Page.Cell, _ html: inout HTML) {
        if let url = cell.url {
            html.element("a", ["href": url], cell.text)
        } else if cell.isCode {
            html.element("code", cell.text)
        } else {
            html.element("span", ["class": cell.tone.map { "status \($0.rawValue)" }], cell.text)
        }
        if let note = cell.note { html.element("span", ["class": "note"], note) }
    }

    func write(_ filter: Page.Filter, _ html: inout HTML) {
        html.element("form", ["method": "get", "action": filter.action, "class": "filter", "role": "search"]) { html in
            for field in filter.fields { html.element("div") { write(field, hasFocus: false, &$0) } }
            html.element("button", ["class": "button main"], filter.submit)
        }
    }
}
