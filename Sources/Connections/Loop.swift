internal import Glibc
internal import HTTP
internal import JSON
internal import Memory

/// Performs the steps of many operations on one thread. The first operation starts the thread.
final class Loop: Sendable {
    typealias Completion = @Sendable (Result<JSON, ConnError>) -> Void

    /// What other threads ask of the loop's thread.
    private enum Message: Sendable {
        case begin(Task)
        /// What the task waited for is there.
        case resume(UInt64, @Sendable () throws(ConnError) -> Step<JSON>)
        /// What ends a task's pause early. Nothing, if that pause is over.
        case landed(UInt64, pause: Int)
        case cancel(UInt64)
    }

    private struct Inbox {
        var messages: [Message] = []
        var nextID: UInt64 = 0
        var isClosing = false
        /// While the thread runs.
        var engine: (any HTTPEngine)?
        var onEnd: (@Sendable () -> Void)?
    }

    private let transport: any HTTPTransport
    private let workers = WorkerPool()
    private let inbox = Monitor(Inbox())

    init(transport: any HTTPTransport) { self.transport = transport }

    func run(
        _ begin: @escaping @Sendable () throws(ConnError) -> Step<JSON>, context: CallContext,
        completion: @escaping Completion
    ) {
        let refused: ConnError? = inbox.withLock { inbox in
            if inbox.isClosing { return .cancelled }
            guard start(&inbox) else {
                return ConnError(.unavailable, "the system has no thread or file descriptor left")
            }
            inbox.nextID += 1
            inbox.messages.append(
                .begin(Task(id: inbox.nextID, context: context, begin: begin, completion: completion)))
            inbox.engine?.wake()
            return nil
        }
        if let refused { completion(.failure(refused)) }
    }

    /// Cancels every operation, lets exchanges that must finish do so, and ends the thread. Returns at once;
    /// `completion` is called when all has ended, on the loop's thread or, if there is none, on this one.
    func close(completion: @escaping @Sendable () -> Void) {
        let isRunning = inbox.withLock { inbox in
            inbox.isClosing = true
            inbox.onEnd = completion
            inbox.engine?.wake()
            return inbox.engine != nil
        }
        if !isRunning { completion() }
    }

    /// The last thing that the loop's thread does.
    private func end(_ engine: any HTTPEngine) {
        // Who still holds a flight or runs blocking work has nobody left to tell.
        let unread = inbox.withLock { inbox in
            defer { (inbox.engine, inbox.messages) = (nil, []) }
            return inbox.messages
        }
        _ = consume unread  // what it holds goes outside of the lock
        workers.close()
        engine.close()
        let completion = inbox.withLock { inbox in
            defer { inbox.onEnd = nil }
            return inbox.onEnd
        }
        completion?()
    }

    private func post(_ message: Message) {
        inbox.withLock { inbox in
            guard let engine = inbox.engine else { return }
            inbox.messages.append(message)
            engine.wake()
        }
    }

    /// Makes the engine and the thread if they are not there. False when the system has none left.
    private func start(_ inbox: inout Inbox) -> Bool {
        guard inbox.engine == nil else { return true }
        guard let engine = try? transport.makeEngine() else { return false }
        let thread = startThread { [self] in
            LoopRunner(self, engine).run()
            end(engine)
        }
        guard let thread else {
            engine.close()
            return false
        }
        pthread_detach(thread)
        inbox.engine = engine
        return true
    }

    // MARK: - The thread's side

    /// One operation on the loop.
    fileprivate final class Task: @unchecked Sendable {  // after `begin` only the loop's thread touches it
        enum Wait {
            case http(HTTPRequest, then: @Sendable (HTTPResult) throws(ConnError) -> Step<JSON>)
            case pause(until: Deadline, then: @Sendable () throws(ConnError) -> Step<JSON>)
            case message
        }

        let id: UInt64
        let context: CallContext
        let begin: @Sendable () throws(ConnError) -> Step<JSON>
        /// Nil once it has been called.
        var completion: Completion?
        /// What the cancellation knows it by, while it has a completion.
        var handler: Int?
        var wait: Wait?
        /// Counts its pauses, so that what would end one ends no later one.
        var pauses = 0

        init(
            id: UInt64, context: CallContext, begin: @escaping @Sendable () throws(ConnError) -> Step<JSON>,
            completion: @escaping Completion
        ) {
            self.id = id
            self.context = context
            self.begin = begin
            self.completion = completion
        }

        func complete(_ result: Result<JSON, ConnError>) {
            if let handler { context.cancellation.removeHandler(handler) }
            completion?(result)
            (completion, handler) = (nil, nil)
        }
    }

    fileprivate struct LoopRunner {
        let loop: Loop
        let engine: any HTTPEngine
        var tasks: [UInt64: Task] = [:]
        var moments = MomentHeap()
        var isClosing = false

        init(_ loop: Loop, _ engine: any HTTPEngine) {
            self.loop = loop
            self.engine = engine
        }

        consuming func run() {
            while true {
                let messages: [Message]
                (messages, isClosing) = loop.inbox.withLock { inbox in
                    defer { inbox.messages = [] }
                    return (inbox.messages, inbox.isClosing)
                }
                for message in messages { take(message) }
                if isClosing {
                    for task in tasks.values {
                        task.context.cancellation.cancel()  // blocking work looks at it
                        giveUp(task, .cancelled)
                    }
                    if tasks.isEmpty { return }
                }
                endOverdue()
                for (id, result) in engine.wait(until: moments.earliest) {
                    guard let task = tasks[id], case .http(_, let then) = task.wait else { continue }
                    advance(task) { () throws(ConnError) in try then(result) }
                }
            }
        }

        private mutating func take(_ message: Message) {
            switch message {
            case .begin(let task):
                if isClosing || task.context.cancellation.isCancelled {
                    task.complete(.failure(.cancelled))
                    return
                }
                tasks[task.id] = task
                moments.insert(task.context.deadline, id: task.id)
                task.handler = task.context.cancellation.onCancel { [weak loop, id = task.id] in
                    loop?.post(.cancel(id))
                }
                advance(task, task.begin)
            case .resume(let id, let then):
                if let task = tasks[id] { advance(task, then) }
            case .landed(let id, let pause):
                if let task = tasks[id], task.pauses == pause, case .pause(_, let then) = task.wait {
                    advance(task, then)
                }
            case .cancel(let id):
                if let task = tasks[id] { giveUp(task, .cancelled) }
            }
        }

        /// Ends what is past its deadline, and goes on with what has paused long enough.
        private mutating func endOverdue() {
            let now = Deadline.now
            while let id = moments.popDue(at: now) {
                guard let task = tasks[id] else { continue }
                if task.completion != nil, task.context.deadline <= now {
                    if case .http(let request, let then) = task.wait, request.isAside {
                        engine.drop(id: id)
                        advance(task) { () throws(ConnError) in try then(.callEnded) }
                    } else {
                        giveUp(task, .timeout)
                    }
                } else if case .pause(let moment, let then) = task.wait, moment <= now {
                    advance(task, then)
                }
            }
        }

        /// Answers a task with an error. It ends, unless it is in an exchange that must finish, or after one.
        private mutating func giveUp(_ task: Task, _ error: ConnError) {
            task.complete(.failure(error))
            if case .http(let request, _) = task.wait {
                if request.mustFinish { return }
                engine.drop(id: task.id)
            }
            tasks[task.id] = nil
        }

        /// Performs a task's steps up to the next wait.
        private mutating func advance(_ task: Task, _ next: () throws(ConnError) -> Step<JSON>) {
            do {
                try begin(try next(), of: task)
            } catch {
                task.complete(.failure(error))
                tasks[task.id] = nil
            }
        }

        private mutating func begin(_ step: Step<JSON>, of task: Task) throws(ConnError) {
            let id = task.id
            if task.completion == nil, !step.mustFinish {
                // Nobody waits for it any more, and what it is about to begin need not be: only what follows an exchange
                // that must finish comes here, and has done its part.
                tasks[id] = nil
                return
            }
            switch step {
            case .done(let answer):
                task.complete(.success(answer))
                tasks[id] = nil
            case .http(let request, let then) where task.completion != nil && task.context.deadline.hasPassed:
                guard request.isAside else { throw .timeout }
                advance(task) { () throws(ConnError) in try then(.callEnded) }
            case .http(let request, let then):
                task.wait = .http(request, then: then)
                if request.mustFinish { task.context.work?.begin(request) }
                engine.start(request, id: id)
            case .pause(let milliseconds, let then):
                pause(task, milliseconds: milliseconds, then: then)
            case .join(let flight, nil, let then):
                task.wait = .message
                flight.onLanding { [weak loop] in loop?.post(.resume(id, then)) }
            case .join(let flight, let limit?, let then):
                pause(task, milliseconds: limit, then: then)
                flight.onLanding { [weak loop, pause = task.pauses] in loop?.post(.landed(id, pause: pause)) }
            case .blocking(let work):
                task.wait = .message
                let context = task.context
                loop.workers.run { [loop] in
                    let result = Result { () throws(ConnError) in try work(context) }
                    loop.post(.resume(id) { () throws(ConnError) in try result.get() })
                }
            }
        }

        private mutating func pause(
            _ task: Task, milliseconds: Int, then: @escaping @Sendable () throws(ConnError) -> Step<JSON>
        ) {
            let moment = Deadline.after(milliseconds: milliseconds)
            task.pauses += 1
            task.wait = .pause(until: moment, then: then)
            moments.insert(moment, id: task.id)
        }
    }
}

extension Step {
    /// Whether it is an exchange that goes on when nobody waits for it.
    fileprivate var mustFinish: Bool {
        if case .http(let request, _) = self { request.mustFinish } else { false }
    }
}
