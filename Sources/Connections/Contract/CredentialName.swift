package import Runtime

/// The names of what a user enters at a connection of type apikey.
package enum CredentialName {
    /// The key itself; the others belong to it.
    package static let key: ID = "apiKey"

    /// Where the credential of a name stands in a request, and in an error's field.
    package static func field(of name: ID) -> ID { name == key ? key : ID("credentials.\(name)") }
}
