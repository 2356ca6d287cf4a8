import DescopeConn
import Testing

@testable import Commands

@Suite struct TableTests {
    private struct Row {
        var name: String
        var note = ""
        var id = ""
    }

    private let table = Table<Row>([
        Column("name", style: { _ in .bold }) { $0.name }, Column("note") { $0.note },
        Column("id", optional: true) { $0.id },
    ])

    @Test func programsGetTabs() {
        #expect(table.plainLines([Row(name: "a\tb\nc", id: "1"), Row(name: "d")]) == ["a b c\t\t1", "d\t\t"])
        #expect(table.plainLines([]) == [])
    }

    @Test func peopleGetColumns() {
        let rows = [Row(name: "short", note: "n", id: "12345678"), Row(name: "much longer", id: "1")]
        #expect(
            table.alignedLines(rows, width: 80, colours: false) == [
                "NAME         NOTE  ID", "short        n     12345678", "much longer        1",
            ])
        #expect(table.alignedLines([], width: 80, colours: false) == [])
    }

    @Test func whatDoesNotFitIsLeftOutOrCut() {
        let rows = [Row(name: "name", note: String(repeating: "x", count: 20), id: "12345678")]
        #expect(table.alignedLines(rows, width: 20, colours: false) == ["NAME  NOTE", "name  xxxxxxxxxxxxx…"])
    }

    @Test func emptyColumnsAreNotShown() {
        #expect(
            table.alignedLines([Row(name: "a")], width: 80, colours: true) == [
                "\u{1b}[1mNAME\u{1b}[0m", "\u{1b}[1ma\u{1b}[0m",
            ])
    }
}

@Suite struct TextTests {
    @Test func terminalsAreNotSteered() {
        #expect(Text.printable("a\u{1b}[31mb\u{7}\u{202e}c\u{2028}d\u{85}e é 你") == "a [31mb  c d e é 你")
    }

    @Test func words() {
        #expect(Text.count(1, "token") == "1 token")
        #expect(Text.count(0, "token") == "0 tokens")
        #expect(Text.sentence("crm is gone") == "crm is gone.")
        #expect(Text.sentence("is it?") == "is it?")
    }

    @Test func times() {
        #expect(Time.text(1_764_000_000) == "2025-11-24T16:00:00Z")
        #expect(Time.text(0) == "1970-01-01T00:00:00Z")
    }
}

@Suite struct ProgressTests {
    @Test func aBarFillsTheLine() {
        #expect(Progress.line("Importing", 5, 10, columns: 30) == "Importing [######------] 5/10")
        #expect(Progress.line("Importing", 10, 10, columns: 30) == "Importing [###########] 10/10")
        #expect(Progress.line("Importing", 12, 10, columns: 30) == "Importing [###########] 12/10")
        #expect(Progress.line("Importing", 5, 10, columns: 15) == "Importing 5/10")
        #expect(Progress.line("Exporting", 5, nil, columns: 80) == "Exporting 5")
        #expect(Progress.line("Exporting", 0, 0, columns: 80) == "Exporting 0")
    }
}

@Suite struct JSONTextTests {
    private struct Wanted: Decodable {
        var name: String
    }

    private func failure(_ text: String) -> String? {
        do {
            let _: Wanted = try JSONText.read(Array(text.utf8), from: "it")
            return nil
        } catch {
            return (error as? Failure)?.message
        }
    }

    @Test func whatIsWrongIsSaidAndNotRepeated() {
        #expect(failure(#"{"name": "x"}"#) == nil)
        #expect(failure("{") == "it is not JSON")
        #expect(failure("{}") == "it lacks name")
        #expect(failure(#"{"name": 5}"#) == "it has a value of another type than expected in name")
        #expect(failure(#"["secret"]"#) == "it has a value of another type than expected in the whole")
    }
}
