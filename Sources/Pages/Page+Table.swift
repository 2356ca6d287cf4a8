/// What pages for those who look after many things are made of.
extension Page {
    /// A value of a table or a list of facts.
    struct Cell: Sendable {
        let text: String
        /// Where the text leads.
        var url: String?
        /// What explains it, below it.
        var note: String?
        var tone: Tone?
        /// It is written as it is spelled elsewhere, such as an id.
        var isCode = false

        init(_ text: String, url: String? = nil, note: String? = nil, tone: Tone? = nil, isCode: Bool = false) {
            self.text = text
            self.url = url
            self.note = note
            self.tone = tone
            self.isCode = isCode
        }
    }

    typealias Fact = (label: String, value: Cell)

    struct Table: Sendable {
        /// For those who hear the page.
        let caption: String
        let columns: [String]
        /// As long as there are columns, each.
        let rows: [[Cell]]
    }

    /// A form that changes nothing: what it asks for stands in the URL.
    struct Filter: Sendable {
        let action: String
        let fields: [Input]
        let submit: String
    }

    /// Numbers to be seen at a glance, which are also written.
    struct Picture: Sendable {
        enum Shape: Sendable {
            /// Of a whole, side by side.
            case parts([(tone: Tone, count: Int)])
            /// One for each day, say.
            case columns([Int])
        }

        let shape: Shape
        /// What it shows.
        let lines: [(tone: Tone, text: String)]
    }

    struct Navigation: Sendable {
        let label: String
        let links: [(text: String, url: String, isCurrent: Bool)]
    }
}
