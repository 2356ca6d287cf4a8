/// A column of what a command lists.
struct Column<Row>: Sendable {
    let title: String
    /// Whether a terminal that is too narrow for all columns does without it.
    let isOptional: Bool
    let value: @Sendable (Row) -> String
    let style: @Sendable (Row) -> Style

    init(
        _ title: String, optional: Bool = false, style: @escaping @Sendable (Row) -> Style = { _ in .plain },
        _ value: @escaping @Sendable (Row) -> String
    ) {
        self.title = title
        isOptional = optional
        self.value = value
        self.style = style
    }
}

/// Rows as lines.
struct Table<Row> {
    let columns: [Column<Row>]

    init(_ columns: [Column<Row>]) { self.columns = columns }

    /// For other programs: a line for each row, with tabs between the values.
    func plainLines(_ rows: [Row]) -> [String] {
        rows.map { row in columns.map { Text.printable($0.value(row)) }.joined(separator: "\t") }
    }

    /// For a terminal: aligned, below the columns' titles, without columns that are empty, and cut at the terminal's
    /// edge.
    func alignedLines(_ rows: [Row], width: Int, colours: Bool, titles: Bool = true) -> [String] {
        var shown = columns.map { column in Shown(column, rows, titles) }.filter { !$0.isEmpty }
        while shown.reduce(-2, { $0 + $1.width + 2 }) > width, let index = shown.lastIndex(where: \.isOptional) {
            shown.remove(at: index)
        }
        let head = titles && !rows.isEmpty ? [shown.map { Cell(text: $0.title, style: .bold, width: $0.width) }] : []
        let body = rows.indices.map { index in
            shown.map { Cell(text: $0.texts[index], style: $0.styles[index], width: $0.width) }
        }
        return (head + body).map { Self.line($0, width, colours) }
    }

    private struct Shown {
        let title: String
        let texts: [String]
        let styles: [Style]
        let isOptional: Bool

        init(_ column: Column<Row>, _ rows: [Row], _ titles: Bool) {
            title = titles ? column.title.uppercased() : ""
            texts = rows.map { Text.printable(column.value($0)) }
            styles = rows.map(column.style)
            isOptional = column.isOptional
        }

        var isEmpty: Bool { texts.allSatisfy(\.isEmpty) }
        var width: Int { max(title.count, texts.map(\.count).max() ?? 0) }
    }

    private struct Cell {
        let text: String
        let style: Style
        let width: Int
    }

    private static func line(_ cells: [Cell], _ width: Int, _ colours: Bool) -> String {
        var line = ""
        var left = width
        var gap = 0
        for cell in cells where !cell.text.isEmpty || cell.width > 0 {
            defer { gap += cell.width - cell.text.count + 2 }
            guard !cell.text.isEmpty, left > gap else { continue }
            left -= gap
            let text = cell.text.count <= left ? cell.text : cell.text.prefix(left - 1) + "…"
            line += String(repeating: " ", count: gap) + cell.style.applied(to: text, colours: colours)
            left -= text.count
            gap = -(cell.text.count - text.count)
        }
        return line
    }
}
