import ArgumentParser

extension CompletionKind {
    /// The ids of connections, of the vault that is there by default.
    static var connections: CompletionKind { .shellCommand("descope-conn connections list 2> /dev/null | cut -f 1") }

    /// The ids of templates.
    static var templates: CompletionKind { .shellCommand("descope-conn templates list 2> /dev/null | cut -f 1") }
}
