/// How long what is done for nobody who waits may take. Milliseconds.
///
/// They stand together because they hang on one another: the end of a process waits for all that may come after the last
/// reply of a provider.
package enum TimeLimit {
    /// One step of an operation that is bound.
    package static let boundStep = 10_000
    /// For so long a store that fails is tried again with what a provider has answered. The last try begins then.
    package static let retrying = 10_000
    /// What closing a backend spends on what its store has not taken yet.
    package static let closing = 5000
    /// So much later than the last exchange that must finish an operation, and the backend with it, has ended: after the
    /// tries comes one more commit, which says what became of them.
    package static let afterReply = retrying + 2 * boundStep + closing
    /// What the end of a process grants to what need not finish.
    package static let ending = boundStep
    /// What somebody who has come for something else spends on what the store has not taken yet.
    package static let inPassing = 100
}
