/// Where a command's answer goes, and in which form.
struct Output {
    /// Whether the answer is for a machine.
    let json: Bool
    let toTerminal: Bool
    let colours: Bool

    init(json: Bool) {
        self.json = json
        toTerminal = Terminal.isOne(Descriptor.output)
        colours = toTerminal && Self.allowsColours
    }

    /// https://no-color.org
    static var allowsColours: Bool {
        Environment.value("NO_COLOR") == nil && Environment.value("TERM") != "dumb"
    }

    /// The answer: as JSON if it was asked for, and otherwise these lines.
    func answer(_ value: some Encodable, _ lines: @autoclosure () -> [String]) throws {
        if json {
            try line(JSONText.of(value, pretty: toTerminal))
        } else {
            for text in lines() { try line(text) }
        }
    }

    func answer(_ value: some Encodable, _ line: @autoclosure () -> String) throws {
        try answer(value, [line()])
    }

    /// One thing's members, a line for each that has a value.
    func details(_ value: some Encodable, _ members: [(name: String, value: String?)]) throws {
        let table = Table<(name: String, value: String)>([
            Column("name", style: { _ in .faint }) { $0.name }, Column("value") { $0.value },
        ])
        let rows = members.compactMap { member in member.value.map { (name: member.name, value: $0) } }
        try answer(
            value,
            toTerminal
                ? table.alignedLines(rows, width: .max, colours: colours, titles: false) : table.plainLines(rows))
    }

    /// Many things, which come in pages: a table on a terminal, and otherwise a line for each. As JSON, an array with a
    /// line for each.
    /// - Parameter wraps: whether lines may be wider than the terminal.
    func list<Row: Encodable>(
        _ columns: [Column<Row>], wraps: Bool = false,
        _ pages: (_ show: ([Row]) throws -> Void) async throws -> Void
    ) async throws {
        let table = Table(columns)
        var rows: [Row] = []
        var isFirst = true
        try await pages { page in
            if json {
                for row in page {
                    try write((isFirst ? "[\n" : ",\n") + JSONText.of(row, pretty: false))
                    isFirst = false
                }
            } else if toTerminal {
                rows += page
            } else {
                for text in table.plainLines(page) { try line(text) }
            }
        }
        if json { try line(isFirst ? "[]" : "\n]") }
        let width = wraps ? Int.max : Terminal.columns(Descriptor.output)
        for text in table.alignedLines(rows, width: width, colours: colours) { try line(text) }
    }

    func line(_ text: String) throws { try write(text + "\n") }

    private func write(_ text: String) throws {
        if let error = Descriptor.write(text.utf8, to: Descriptor.output) {
            throw File.failure("cannot write the answer", error)
        }
    }

    /// What a person should know besides the answer.
    static func note(_ text: String) { tell(("", .plain), text) }

    static func warning(_ text: String) { tell(("warning: ", .yellow), Text.sentence(text)) }

    static func report(_ failure: Failure) {
        tell(("descope-conn: ", .red), Text.sentence(failure.message))
        if let hint = failure.hint { note(hint) }
    }

    private static func tell(_ label: (text: String, style: Style), _ text: String) {
        let colours = Terminal.isOne(Descriptor.error) && allowsColours
        let line = label.style.applied(to: label.text, colours: colours) + Text.printable(text) + "\n"
        _ = Descriptor.write(line.utf8, to: Descriptor.error)
    }
}
