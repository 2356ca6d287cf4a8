/// The version of the command, which is the library's.
enum Version {
    static let text = "1.0.0"
}
