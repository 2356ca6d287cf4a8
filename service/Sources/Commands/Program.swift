import ArgumentParser
import DescopeConn
import Glibc

/// The program `descope-conn`.
public enum Program {
    /// Does what the arguments say. The main thread is left to wait for signals.
    public static func run() -> Never {
        Signals.block()
        Task.detached { await perform() }
        Signals.endWhenTold()
    }

    private static func perform() async -> Never {
        var command: any ParsableCommand
        do {
            command = try await DescopeConnCommand.asyncParseAsRoot()
        } catch {
            Ending.begin()
            refuse(error)
        }
        do {
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            Ending.begin()
            end(error)
        }
        Ending.begin()
        exit(ExitStatus.success.rawValue)
    }

    /// Ends with help, a version or a completion script, or says what is wrong with the arguments.
    private static func refuse(_ error: any Error) -> Never {
        guard !DescopeConnCommand.exitCode(for: error).isSuccess else { DescopeConnCommand.exit(withError: error) }
        Output.report(Failure(.usage, Usage.words(for: DescopeConnCommand.message(for: error)), hint: Usage.hint))
        exit(ExitStatus.usage.rawValue)
    }

    private static func end(_ error: any Error) -> Never {
        switch error {
        case let status as ExitStatus: exit(status.rawValue)
        case let failure as Failure: end(failure)
        case let error as ConnError: end(Failure(error))
        case let error as SystemError: end(Failure(.failure, error.words))
        default: refuse(error)
        }
    }

    private static func end(_ failure: Failure) -> Never {
        Output.report(failure)
        exit(failure.status.rawValue)
    }
}

/// What is said of arguments that are wrong.
enum Usage {
    static let hint = "descope-conn help shows the commands, and descope-conn COMMAND --help one of them."

    /// The parser's words, unless they repeat what was typed where a secret may have been: a text too many, or the value
    /// of an option that does not exist.
    static func words(for message: String) -> String {
        let line = String(message.prefix { $0 != "\n" })
        if line.contains("nexpected argument") {
            return "there is an argument too many (a secret is never an argument: see --help)"
        }
        guard line.hasPrefix("Unknown option"), let equals = line.firstIndex(of: "=") else { return line }
        return line[..<equals] + "'"
    }
}
