/// What a browser is shown: a value, of which the HTML is made (`PageView`).
struct Page: Sendable {
    var status = 200
    var title: String
    var blocks: [Block]
    /// The URL, or data URL, of the service's logo.
    var logo: String?
    /// With status 405.
    var allowedMethods: String?
    /// The parts of the console, on its own pages.
    var navigation: Navigation?
    /// What the window that opened this one is told; nil while it has not ended.
    var ending: Ending?

    struct Ending: Sendable {
        let isConnected: Bool
        let appID: String?
    }

    enum Tone: String, Sendable {
        case good, warning, bad
    }

    indirect enum Block: Sendable {
        case paragraph(String)
        /// What need not be read.
        case quiet(String)
        case notice(Tone, String)
        /// Names as a provider spells them.
        case names(String, [String])
        /// What an access allows: scopes, with what is known of them in words.
        case scopes(String, [(name: String, description: String?)])
        /// A code that is read and typed.
        case code(String)
        case links([Link])
        /// Links of which one is chosen, each on a line of its own.
        case choices([Link])
        case form(Form)
        case section(String, [Block])
        case card(Card)
        case facts([Fact])
        case table(Table)
        case filter(Filter)
        case picture(Picture)
        /// Text of several lines, written as it is elsewhere.
        case listing(String)
        /// What only somebody who helps the user needs.
        case details(String, [String])
    }

    struct Link: Sendable {
        let text: String
        let url: String
        /// Tells apart, for those who hear the page, links that have the same text.
        var about: String?
        var style = Style.outline
        /// Of what it leads to.
        var logo: String?

        enum Style: String, Sendable {
            /// The way on that most people take.
            case main
            case outline
            case plain
        }
    }

    struct Form: Sendable {
        /// The field that proves whose form it is: see `FormSeal`.
        static let tokenName: StaticString = "form"

        let action: String
        let token: String
        var fields: [Input] = []
        /// After the fields.
        var groups: [Group] = []
        /// The name of the field where typing begins, if nothing is wrong.
        var start: String?
        let submit: String
        /// A second button, which sends the form with this name.
        var otherSubmit: (name: StaticString, text: String)?
        var isDangerous = false
        var cancel: Link?

        /// Fields that belong together.
        struct Group: Sendable {
            let legend: String
            var hint: String?
            /// What is wrong with them together.
            var problem: String?
            var fields: [Input] = []
        }
    }

    struct Input: Sendable {
        enum Kind: Sendable {
            case text
            /// Not to be seen as it is typed, and never sent to the browser.
            case secret
            /// Text of several lines.
            case lines
            case choice([(value: String, label: String)])
            /// Sent as `on` where it is checked.
            case checkbox
        }

        let name: String
        let label: String
        var kind = Kind.text
        /// What stands there already. A secret's is not shown.
        var value: String?
        var isRequired = true
        /// Where people find what is asked for.
        var help: Link?
        var hint: String?
        var problem: String?
    }

    /// A connection, or one of its tokens.
    struct Card: Sendable {
        let title: String
        var logo: String?
        var tone: Tone?
        var status: String?
        /// Why the status is as it is.
        var note: String?
        var facts: [(label: String, value: String)] = []
        var links: [Link] = []
    }
}
