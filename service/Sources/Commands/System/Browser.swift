/// The user's browser.
enum Browser {
    /// What opens a URL; nil where there is no screen to open it on.
    static func command(_ environment: (String) -> String?) -> String? {
        if let browser = environment("BROWSER") { return browser }
        return ["DISPLAY", "WAYLAND_DISPLAY"].contains { environment($0) != nil } ? "xdg-open" : nil
    }

    /// - Returns: whether a program was started for it.
    static func open(_ url: String) -> Bool {
        guard let command = command(Environment.value) else { return false }
        return Execution.start([command, url], environment: Environment.forChild()) == nil
    }
}
