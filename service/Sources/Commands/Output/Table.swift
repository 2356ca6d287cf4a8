/// A column of what a command lists.
struct Column<Row> {
    let title: String
    let value: (Row) -> String
    let style: (Row) -> Style

    init(_ title: String, style: @escaping (Row) -> Style = { _ in .plain }, _ value: @escaping (Row) -> String) {
        self.title = title
        self.value = value
        self.style = style
    }
}

/// Rows as lines: aligned below their titles on a terminal, and otherwise with tabs, for other programs.
struct Table<Row> {
    let columns: [Column<Row>]
    /// How wide the terminal is; nil where there is none.
    let width: Int?
    let colours: Bool
    private var widths: [Int]
    private var isBegun = false

    init(_ columns: [Column<Row>], width: Int?, colours: Bool) {
        self.columns = columns
        self.width = width
        self.colours = colours
        widths = columns.map(\.title.count)
    }

    /// The lines of some more rows. Columns never become narrower from one call to the next.
    mutating func lines(_ rows: [Row]) -> [String] {
        let cells = rows.map { row in columns.map { Text.printable($0.value(row)) } }
        guard let width else { return cells.map { $0.joined(separator: "\t") } }
        for row in cells { widths = zip(widths, row).map { max($0, $1.count) } }
        var lines: [String] = []
        if !isBegun, !rows.isEmpty {
            lines.append(line(columns.map { ($0.title.uppercased(), Style.bold) }, width))
            isBegun = true
        }
        for (row, texts) in zip(rows, cells) {
            lines.append(line(zip(texts, columns).map { ($0, $1.style(row)) }, width))
        }
        return lines
    }

    private func line(_ cells: [(text: String, style: Style)], _ width: Int) -> String {
        var line = ""
        var left = width
        let last = cells.lastIndex { !$0.text.isEmpty } ?? 0
        for (index, cell) in cells.enumerated() where left > 0 && index <= last {
            let text = cell.text.count <= left ? cell.text : cell.text.prefix(max(0, left - 1)) + "…"
            let padding = index == last ? 0 : min(widths[index] - text.count + 2, left - text.count)
            line += cell.style.applied(to: String(text), colours: colours) + String(repeating: " ", count: max(0, padding))
            left -= text.count + max(0, padding)
        }
        return line
    }
}
