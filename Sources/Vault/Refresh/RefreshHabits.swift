internal import OAuth

/// What a provider does with a refresh token that has been used.
struct RefreshHabits: Sendable {
    /// It goes on working, so that a lost reply loses nothing.
    var survivesUse: Bool
    /// How long it works once more, for those who lost the reply. Milliseconds.
    var grace: Int64
    var scopeRules: ScopeRules

    init(_ provider: Provider) {
        survivesUse = provider.rotation == .fixed || provider.rotation == .sliding
        grace = provider.refreshGraceSeconds * 1000
        scopeRules = provider.scopeRules
    }
}
