import Glibc

/// Other programs.
enum Execution {
    /// Becomes the command: same process, terminal, signals and exit status.
    /// - Returns: only if the command cannot be executed.
    static func replaceProcess(_ command: [String], environment: [String]) -> Failure {
        Signals.giveBack()
        var error = SystemError(ENOENT)
        withStrings(command) { arguments in
            withStrings(environment) { environment in
                for path in candidates(command[0], searchPath: Environment.value("PATH")) {
                    execve(path, arguments, environment)
                    // A file that is there but cannot be executed says more than a folder without it.
                    if errno != ENOENT, errno != ENOTDIR { error = .last }
                }
            }
        }
        let status: ExitStatus = error.code == ENOENT ? .commandNotFound : .cannotExecute
        return Failure(status, "cannot execute \(command[0]): \(error.words)")
    }

    /// Where a command may be, as POSIX has it for execvp.
    static func candidates(_ name: String, searchPath: String?) -> [String] {
        if name.contains("/") { return [name] }
        return (searchPath ?? "/bin:/usr/bin").split(separator: ":", omittingEmptySubsequences: false).map {
            $0.isEmpty ? name : "\($0)/\(name)"
        }
    }

    /// Starts a command that says nothing, gets no signals of this terminal's keys, and may outlive this program.
    static func start(_ command: [String], environment: [String]) -> SystemError? {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [Descriptor.input, Descriptor.output, Descriptor.error] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var noSignals = sigset_t()
        sigemptyset(&noSignals)
        posix_spawnattr_setsigmask(&attributes, &noSignals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
        let code = withStrings(command) { arguments in
            withStrings(environment) { environment in
                var process = pid_t()
                return posix_spawnp(&process, command[0], &actions, &attributes, arguments, environment)
            }
        }
        return code == 0 ? nil : SystemError(code)
    }

    private typealias Strings = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

    /// As C has lists of strings, with a null at the end.
    private static func withStrings<Result>(_ strings: [String], _ body: (Strings) -> Result) -> Result {
        var pointers = strings.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return body(&pointers)
    }
}
