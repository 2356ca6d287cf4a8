/// How far long work has come, in a line of standard error that replaces itself; nothing where that is no terminal.
struct Progress {
    private let label: String
    private let total: Int?
    private let isShown = Terminal.isOne(Descriptor.error)
    private var shown = ""

    /// - Parameter total: how much there is to do, if that is known.
    init(_ label: String, total: Int?) {
        self.label = label
        self.total = total
    }

    mutating func update(_ done: Int) {
        show(Self.line(label, done, total, columns: Terminal.columns(Descriptor.error)))
    }

    /// Leaves the line empty for what is said next.
    mutating func end() { show("") }

    private mutating func show(_ text: String) {
        guard isShown, text != shown else { return }
        shown = text
        _ = Descriptor.write("\r\u{1b}[K\(text)".utf8, to: Descriptor.error)
    }

    static func line(_ label: String, _ done: Int, _ total: Int?, columns: Int) -> String {
        guard let total, total > 0 else { return "\(label) \(done)" }
        let numbers = " \(done)/\(total)"
        let room = min(40, columns - label.count - numbers.count - 4)
        guard room > 4 else { return label + numbers }
        let filled = room * min(done, total) / total
        return
            "\(label) [\(String(repeating: "#", count: filled))\(String(repeating: "-", count: room - filled))]\(numbers)"
    }
}
