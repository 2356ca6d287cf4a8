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
        let isEmpty: Bool
        let width: Int

        init(_ column: Column<Row>, _ rows: [Row], _ titles: Bool) {
            title = titles ? column.title.uppercased() : ""
            texts = rows.map { Text.printable(column.value($0)) }
            styles = rows.map(column.style)
            isOptional = column.isOptional
            let longest = texts.map(\.count).max() ?? 0
            isEmpty = longest == 0
            width = max(title.count, longest)
        }
    }

    private struct Cell {
        let text: String
        let style: Style
        let width: Int
    }

    private static func line(_ cells: [Cell], _ width: Int, _ colours: Bool) -> String {
        var line = ""
        var end = 0
        var start = 0
        for cell in cells {
            if !cell.text.isEmpty, start < width {
                let room = width - start
                let text = cell.text.count <= room ? cell.text : cell.text.prefix(room - 1) + "…"
                line += String(repeating: " ", count: start - end) + cell.style.applied(to: text, colours: colours)
                end = start + text.count
            }
            start += cell.width + 2
        }
        return line
    }
}
