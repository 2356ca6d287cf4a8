// A fetch from Swift, in rounds: `fetch CONFIG`. See programs/rounds.h.

import DescopeConn
import FoundationEssentials
import Glibc

@main
struct Fetch {
    static func main() async throws {
        let text = Data(CommandLine.arguments[1].utf8)
        let client = try Client(try JSONDecoder().decode([String: JSON].self, from: text))
        let clock = ContinuousClock()
        while let line = readLine(), let count = Int(line) {
            var times: [Double] = []
            times.reserveCapacity(count)
            for _ in 0..<count {
                let time = try await clock.measure { _ = try await client.fetchToken(appId: "crm", userId: "user 7") }
                times.append(Double(time.components.attoseconds) / 1e12 + Double(time.components.seconds) * 1e6)
            }
            let mean = times.reduce(0, +) / Double(count)
            times.sort()
            // To a pipe nothing goes by itself before much has been printed.
            print("{\"p50\":\(times[count / 2]),\"p99\":\(times[count * 99 / 100]),\"mean\":\(mean)}")
            fflush(nil)
        }
        await client.close()
    }
}
