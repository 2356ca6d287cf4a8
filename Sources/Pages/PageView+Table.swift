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

    /// The picture is not read out: the lines say the same.
    func write(_ picture: Page.Picture, _ html: inout HTML) {
        html.element("figure") { html in
            switch picture.shape {
            case .parts(let parts): write(parts, &html)
            case .columns(let counts): write(counts, &html)
            }
            if picture.lines.isEmpty { return }
            html.element("figcaption") { html in
                html.element("ul") { html in
                    for line in picture.lines { html.element("li", ["class": line.tone.rawValue], line.text) }
                }
            }
        }
    }

    private func write(_ parts: [(tone: Page.Tone, count: Int)], _ html: inout HTML) {
        let width = 1000
        let whole = parts.reduce(0) { $0 + $1.count }
        html.element("svg", Self.svg("parts", width, 24)) { html in
            rectangle("empty", 0, 0, width, 24, &html)
            var before = 0
            for part in parts where part.count > 0 {
                let (start, end) = (width * before / whole, width * (before + part.count) / whole)
                // However few they are, they are seen.
                rectangle(part.tone.rawValue, min(start, width - 6), 0, max(end - start - 2, 6), 24, &html)
                before += part.count
            }
        }
    }

    private func write(_ counts: [Int], _ html: inout HTML) {
        let most = max(counts.max() ?? 0, 1)
        html.element("svg", Self.svg("columns", counts.count * 20, 104)) { html in
            for (index, count) in counts.enumerated() {
                let height = count == 0 ? 0 : max(100 * count / most, 3)
                rectangle("warning", index * 20 + 2, 100 - height, 16, height, &html)
                rectangle("empty", index * 20 + 2, 101, 16, 3, &html)
            }
        }
    }

    private static func svg(_ style: String, _ width: Int, _ height: Int) -> HTML.Attributes {
        [
            "class": style, "viewBox": "0 0 \(width) \(height)", "preserveAspectRatio": "none",
            "aria-hidden": "true",
        ]
    }

    private func rectangle(
        _ style: String, _ x: Int, _ y: Int, _ width: Int, _ height: Int, _ html: inout HTML
    ) {
        html.element(
            "rect",
            ["class": style, "x": String(x), "y": String(y), "width": String(width), "height": String(height)], "")
    }
}
