import ArgumentParser

/// Whose token it is.
struct SubjectOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The user; \"me\" in a vault, where no tenant is named.", valueName: "id"))
    var user: String?

    @Option(help: ArgumentHelp("The tenant, or with --user the tenant that the user is in.", valueName: "id"))
    var tenant: String?

    /// - Parameter isCloud: whether users have Descope's ids, so that nobody is called "me".
    func subject(isCloud: Bool) throws -> Subject {
        if user == nil, tenant == nil {
            guard !isCloud else {
                throw Failure(.usage, "whose token it is must be said", hint: "Add --user or --tenant.")
            }
            return Subject(user: "me", tenant: nil)
        }
        return Subject(user: user, tenant: tenant)
    }

    var isNamed: Bool { user != nil || tenant != nil }
}

/// A user, a user in a tenant, or a tenant.
struct Subject: Equatable, Sendable {
    var user: String?
    var tenant: String?

    var words: String {
        switch (user, tenant) {
        case (let user?, let tenant?): "\(user) in tenant \(tenant)"
        case (let user?, nil): user
        case (nil, let tenant?): "tenant \(tenant)"
        case (nil, nil): "everyone"
        }
    }
}
