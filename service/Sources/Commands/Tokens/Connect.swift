import ArgumentParser
import DescopeConn

struct Connect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Have a user grant access in the browser, and keep the token.",
        discussion: """
            Waits on this machine for the browser to come back. The redirect URI is the connection's own if that is on this \
            machine, and otherwise http://127.0.0.1:8914/callback; the provider must know it. Over SSH, forward the port: \
            ssh -L 8914:127.0.0.1:8914 HOST.
            """)

    @Argument(help: ArgumentHelp("The connection's id.", valueName: "app"), completion: .connections)
    var app: String

    @Option(
        name: [.customLong("scope")],
        help: ArgumentHelp("A scope to ask for, in place of the connection's. May be repeated.", valueName: "scope"))
    var scopes: [String] = []

    @Option(help: ArgumentHelp("Which of several accounts at the connection.", valueName: "id"))
    var account: String?

    @Option(help: ArgumentHelp("The account to preselect at the provider.", valueName: "name"))
    var loginHint: String?

    @Flag(help: "Print the URL on standard output, and open no browser.")
    var noBrowser = false

    @Option(help: ArgumentHelp("The port of the redirect URI; 0 for any that is free.", valueName: "number"))
    var port: UInt16?

    @Option(help: ArgumentHelp("How long to wait for the browser, within what the URL allows.", valueName: "seconds"))
    var timeout: Int?

    @OptionGroup var subject: SubjectOptions
    @OptionGroup var backend: BackendOptions
    @OptionGroup var answers: OutputOptions

    func validate() throws {
        if let timeout, timeout < 1 { throw ValidationError("The time to wait is at least one second.") }
    }

    func run() async throws {
        let subject = try subject.subject(isCloud: backend.isCloud)
        if backend.isCloud {
            try await CloudConnecting(command: self, subject: subject).run()
        } else {
            try await VaultConnecting(command: self, subject: subject).run()
        }
    }

    func options(_ redirectUrl: String) -> ConnectOptions {
        ConnectOptions(
            redirectUrl: redirectUrl, scopes: scopes.isEmpty ? nil : scopes, loginHint: loginHint,
            externalIdentifier: account)
    }

    /// Opens the URL, or prints it where that was asked for or there is no browser.
    func show(_ url: ConnectURL) throws {
        if noBrowser {
            try answers.output.answer(url, url.url)
        } else if Browser.open(url.url) {
            Output.note("Grant access in the browser. If it does not open, go to: \(url.url)")
        } else {
            Output.note("Open this URL in a browser on this machine: \(url.url)")
        }
    }

    /// Says what was granted.
    func report(_ answer: some Encodable, _ subject: Subject, scopes: [String]?) throws {
        let granted = scopes.map { $0.isEmpty ? "" : ", with \($0.joined(separator: " "))" } ?? ""
        try answers.output.answer(answer, "Connected \(app) for \(subject.words)\(granted).")
    }

    /// When to give up.
    func deadline(_ url: ConnectURL) -> ContinuousClock.Instant {
        let most = url.expiresIn ?? 600
        return .now + .seconds(min(timeout ?? most, most))
    }

    static let tooLate = Failure(
        .unavailable, "the browser did not come back in time", hint: "Run the command again; the URL is used up.")
}
