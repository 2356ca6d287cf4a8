import CDescopeConn
import FoundationEssentials
import Synchronization

/// An open backend: Descope's cloud, an encrypted vault in this process, or a plugin.
///
/// Calls run side by side, without a thread each: one thread takes the answers of all. It is closed when nobody has it any
/// more, or by ``close()``, which also waits for what must finish.
public final class Client: Sendable {
    private let handle: descope_conn_handle
    private let inbox = Inbox()

    /// Opens a backend. Does no network traffic.
    /// - Parameter config: what docs/configuration.md lists, such as `["backend": "cloud", "projectId": "P..."]`.
    public init(_ config: [String: JSON]) throws(ConnError) {
        let abi = descope_conn_abi()
        guard abi / 1_000_000 == DESCOPE_CONN_ABI / 1_000_000, abi / 1000 >= DESCOPE_CONN_ABI / 1000 else {
            throw ConnError(code: .misconfigured, message: "libdescope_conn has another version: \(abi)")
        }
        let text = try ConnError.encoding(config)
        var opened: descope_conn_handle = 0
        var out: UnsafeMutablePointer<CChar>?
        var length = 0
        let status = text.withBytes { descope_conn_open($0, $1, &opened, &out, &length) }
        let answer = take(out, length)
        guard status == DESCOPE_CONN_OK else { throw ConnError(status, answer) }
        handle = opened
        guard inbox.serve(opened) else {
            throw ConnError(code: .limit, message: "the system has no thread for the client")
        }
    }

    deinit { descope_conn_close(handle, 0) }

    /// Refuses new calls, cancels those that need not finish, and waits for the end of the others.
    public func close() async {
        let handle = handle
        await withCheckedContinuation { done in
            let closing: @Sendable () -> Void = {
                descope_conn_close(handle, DESCOPE_CONN_NO_TIMEOUT)
                done.resume()
            }
            if !OwnThread.run(closing) { closing() }
        }
    }

    /// Any operation by its name.
    /// - Parameter timeout: bounds the whole call. By default only the configuration bounds each exchange with a server.
    public func call<Answer: Decodable>(
        _ operation: String, _ fields: [String: JSON] = [:], timeout: Duration? = nil, as: Answer.Type = JSON.self
    ) async throws(ConnError) -> Answer {
        var request = Request(operation)
        for (name, value) in fields { request[name] = value }
        return try await perform(request, timeout)
    }

    func perform<Answer: Decodable>(
        _ request: Request, _ timeout: Duration?
    ) async throws(ConnError) -> Answer {
        let text = try ConnError.encoding(request.fields)
        let (status, answer) = await submit(text, timeout.map(milliseconds) ?? DESCOPE_CONN_NO_TIMEOUT)
        guard status == DESCOPE_CONN_OK else { throw ConnError(status, answer) }
        do {
            return try JSONDecoder().decode(Answer.self, from: answer)
        } catch {
            throw ConnError(code: .internal, message: "the library's answer is of another form than expected")
        }
    }

    private func submit(_ text: Data, _ timeout: UInt32) async -> Inbox.Answer {
        let ticket = Ticket()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let refused = inbox.begin(continuation) {
                    var submitted: descope_conn_ticket = 0
                    let status = text.withBytes { descope_conn_submit(handle, $0, $1, timeout, &submitted) }
                    ticket.number.store(submitted, ordering: .relaxed)
                    return (status, submitted)
                }
                if let refused { continuation.resume(returning: (refused, Data())) }
                if Task.isCancelled { cancel(ticket) }
            }
        } onCancel: {
            cancel(ticket)
        }
    }

    private func cancel(_ ticket: Ticket) {
        let number = ticket.number.load(ordering: .relaxed)
        if number != 0 { descope_conn_cancel(handle, number) }
    }

    private final class Ticket: Sendable {
        let number = Atomic<descope_conn_ticket>(0)
    }
}

/// The calls in flight on one handle, and the thread that takes their answers.
private final class Inbox: Sendable {
    typealias Answer = (status: descope_conn_status, text: Data)
    typealias Waiting = CheckedContinuation<Answer, Never>

    private let waiting = Mutex<[descope_conn_ticket: Waiting]>([:])

    /// Submits a call and keeps who waits for it. The answer cannot come in between: it is taken under the same lock.
    /// - Returns: why nothing was started; nil when it was.
    func begin(
        _ continuation: Waiting, _ submit: () -> (status: descope_conn_status, ticket: descope_conn_ticket)
    ) -> descope_conn_status? {
        waiting.withLock { waiting in
            let submitted = submit()
            guard submitted.status == DESCOPE_CONN_OK else { return submitted.status }
            waiting[submitted.ticket] = continuation
            return nil
        }
    }

    /// - Returns: whether there is a thread for it.
    func serve(_ handle: descope_conn_handle) -> Bool {
        OwnThread.run { [self] in
            var ticket: descope_conn_ticket = 0
            var status: descope_conn_status = 0
            var out: UnsafeMutablePointer<CChar>?
            var length = 0
            while true {
                let next = descope_conn_next(handle, DESCOPE_CONN_NO_TIMEOUT, &ticket, &status, &out, &length)
                if next == DESCOPE_CONN_EMPTY { continue }
                guard next == DESCOPE_CONN_OK else { break }
                let answer = take(out, length)
                waiting.withLock { $0.removeValue(forKey: ticket) }?.resume(returning: (status, answer))
            }
            let left = waiting.withLock { waiting in
                defer { waiting = [:] }
                return waiting.values.map { $0 }
            }
            for one in left { one.resume(returning: (DESCOPE_CONN_E_CANCELLED, Data())) }
        }
    }
}

/// Copies an answer, and frees it.
private func take(_ out: UnsafeMutablePointer<CChar>?, _ length: Int) -> Data {
    guard let out else { return Data() }
    defer { descope_conn_free(out) }
    return Data(bytes: out, count: length)
}

private func milliseconds(_ duration: Duration) -> UInt32 {
    let (seconds, attoseconds) = duration.components
    guard seconds >= 0 else { return 0 }
    guard seconds < 4_294_967 else { return DESCOPE_CONN_NO_TIMEOUT - 1 }
    return UInt32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
}

extension Data {
    fileprivate func withBytes<Result>(_ body: (UnsafePointer<CChar>?, Int) -> Result) -> Result {
        withUnsafeBytes { body($0.bindMemory(to: CChar.self).baseAddress, $0.count) }
    }
}
