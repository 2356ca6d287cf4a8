internal import Glibc
internal import HTTP
internal import JSON
internal import Runtime

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
        /// What a task had in a queue is done, or has failed.
        case dequeued(UInt64, Result<Void, ConnError>)
        /// A worker has answered its caller.
        case answered(UInt64)
        case cancel(UInt64)
    }

    private struct Inbox {
        var messages = Queue<Message>()
        var nextID: UInt64 = 0
        var isClosing = false
        /// While the thread runs.
        var engine: (any HTTPEngine)?
        var onEnd: (@Sendable () -> Void)?
    }

    private let transport: any HTTPTransport
    private let workers = WorkerPool()
    private let inbox = Monitor(Inbox())
    private let statistics: Statistics

    init(transport: any HTTPTransport, statistics: Statistics) {
        self.transport = transport
        self.statistics = statistics
    }

    /// - Parameter mode: what the operation has come to on another thread.
    func run(
        _ begin: @escaping @Sendable () throws(ConnError) -> Step<JSON>, mode: StepMode = .called,
        context: CallContext, completion: @escaping Completion
    ) {
        let refused: ConnError? = inbox.withLock { inbox in
            if inbox.isClosing { return .cancelled }
            guard start(&inbox) else {
                return .noThread
            }
            inbox.nextID += 1
            inbox.messages.append(
                .begin(
                    Task(id: inbox.nextID, context: context, mode: mode, begin: begin, completion: completion)))
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
            defer { (inbox.engine, inbox.messages) = (nil, Queue()) }
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

    /// - Parameter isUrgent: whether the thread is to look at it now rather than with the next one.
    private func post(_ message: Message, isUrgent: Bool = true) {
        inbox.withLock { inbox in
            guard let engine = inbox.engine else { return }
            inbox.messages.append(message)
            if isUrgent || inbox.isClosing { engine.wake() }
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
    fileprivate final class Task: @unchecked Sendable {  // after `begin` only the loop's thread touches what is no lock
        enum Wait {
            case admission(then: @Sendable () throws(ConnError) -> Step<JSON>)
            case http(
                Statistics.Exchange, then: @Sendable (HTTPResult) throws(ConnError) -> Step<JSON>)
            case pause(until: Deadline, then: @Sendable () throws(ConnError) -> Step<JSON>)
            case queued(
                any QueuedWork, binds: Bool, then: @Sendable (Result<Void, ConnError>) throws(ConnError) -> Step<JSON>)
            case message
        }

        let id: UInt64
        let context: CallContext
        let begin: @Sendable () throws(ConnError) -> Step<JSON>
        /// Nil once it has been called; what the cancellation knows it by.
        private let answer: Monitor<(completion: Completion?, handler: Int?)>
        var mode: StepMode
        var wait: Wait?
        /// When the caller is answered at the latest.
        var end: Deadline
        /// Whether it has waited for anything: a call whose time is 0 gets what needs no waiting.
        var hasWaited = false
        /// Whether the engine knows it.
        var isAtEngine = false
        /// Counts its pauses, so that what would end one ends no later one.
        var pauses = 0

        init(
            id: UInt64, context: CallContext, mode: StepMode,
            begin: @escaping @Sendable () throws(ConnError) -> Step<JSON>, completion: @escaping Completion
        ) {
            self.id = id
            self.context = context
            self.mode = mode
            self.begin = begin
            answer = Monitor((completion, nil))
            end = context.deadline
        }

        var isAnswered: Bool { answer.withLock { $0.completion == nil } }

        func watch(_ handler: Int) { answer.withLock { $0.handler = handler } }

        /// From any thread.
        func complete(_ result: Result<JSON, ConnError>) {
            let (completion, handler) = answer.withLock { answer in
                defer { answer = (nil, nil) }
                return answer
            }
            if let handler { context.cancellation.removeHandler(handler) }
            completion?(result)
        }
    }

    fileprivate struct LoopRunner {
        let loop: Loop
        let engine: any HTTPEngine
        var tasks: [UInt64: Task] = [:]
        var moments = MomentHeap()
        var isClosing = false

        /// So many messages are looked at between two looks at the network.
        static let batch = 128
        /// A call whose time was up when it began is answered so much later at the latest. Milliseconds.
        static let graceAtOnce = 1000

        init(_ loop: Loop, _ engine: any HTTPEngine) {
            self.loop = loop
            self.engine = engine
        }

        consuming func run() {
            while true {
                let isMore = takeMessages()
                if isClosing {
                    for task in tasks.values {
                        giveUp(task, .cancelled)
                        task.context.cancellation.cancel()  // blocking work looks at it
                    }
                    if tasks.isEmpty { return }
                }
                // What has arrived by now is looked at before the time of those who wait for it is up.
                let now = Deadline.now
                for (id, event) in engine.wait(until: isMore ? .now : moments.earliest) {
                    guard let task = tasks[id] else { continue }
                    switch (event, task.wait) {
                    case (.admitted, .admission(let then)):
                        advance(task, then)
                    case (.ended(let result), .http(let exchange, let then)):
                        exchange.end(result)
                        task.isAtEngine = false
                        advance(task) { () throws(ConnError) in try then(result) }
                    case (.ended, .admission):
                        task.isAtEngine = false
                        giveUp(task, .timeout)
                    default:
                        break
                    }
                }
                endOverdue(at: now)
            }
        }

        /// - Returns: whether there are more.
        private mutating func takeMessages() -> Bool {
            var messages: [Message] = []
            let isMore: Bool
            (isMore, isClosing) = loop.inbox.withLock { inbox in
                while messages.count < Self.batch, let message = inbox.messages.popFirst() {
                    messages.append(message)
                }
                return (!inbox.messages.isEmpty, inbox.isClosing)
            }
            for message in messages { take(message) }
            return isMore
        }

        private mutating func take(_ message: Message) {
            switch message {
            case .begin(let task):
                if !task.mode.isBound, isClosing || task.context.cancellation.isCancelled {
                    task.complete(.failure(.cancelled))
                    return
                }
                tasks[task.id] = task
                if !task.mode.isBound, task.end.hasPassed { task.end = .after(milliseconds: Self.graceAtOnce) }
                moments.prune { [tasks] in tasks[$0] != nil }
                moments.insert(task.end, id: task.id)
                task.watch(
                    task.context.cancellation.onCancel { [weak loop, id = task.id] in loop?.post(.cancel(id)) })
                advance(task, task.begin)
            case .resume(let id, let then):
                if let task = tasks[id] { advance(task, then) }
            case .landed(let id, let pause):
                if let task = tasks[id], task.pauses == pause, case .pause(_, let then) = task.wait {
                    advance(task, then)
                }
            case .dequeued(let id, let result):
                guard let task = tasks[id], case .queued(_, let binds, let then) = task.wait else { return }
                if binds, case .success = result { task.mode = .bound }
                advance(task) { () throws(ConnError) in try then(result) }
            case .answered(let id):
                if let task = tasks[id] { remove(task) }
            case .cancel(let id):
                if let task = tasks[id] { giveUp(task, .cancelled) }
            }
        }

        /// Ends what is past its deadline, and goes on with what has paused long enough: some at a time.
        private mutating func endOverdue(at now: Deadline) {
            var left = Self.batch
            while left > 0, let id = moments.popDue(at: now) {
                left -= 1
                guard let task = tasks[id] else { continue }
                if task.mode.isAside, case .http(_, let then) = task.wait, task.context.deadline <= now {
                    engine.drop(id: id)
                    task.isAtEngine = false
                    advance(task) { () throws(ConnError) in try then(.callEnded) }
                } else if !task.isAnswered, task.end <= now {
                    giveUp(task, .timeout)
                } else if case .pause(let moment, let then) = task.wait, moment <= now {
                    advance(task, then)
                }
            }
        }

        /// Answers a task with an error. It ends, unless it is bound, or in the middle of what it has in a queue.
        private mutating func giveUp(_ task: Task, _ error: ConnError) {
            if case .queued(let work, let binds, let then) = task.wait, !task.mode.isBound {
                if work.withdraw() {
                    if task.mode.isAside, error.code == .timeout {
                        return advance(task) { () throws(ConnError) in try then(.failure(error)) }
                    }
                    task.complete(.failure(error))
                    remove(task)
                } else if binds {
                    task.complete(.failure(error))
                }
                // Otherwise what comes of it is the answer, though it comes late: nobody is told of a failure that is none.
                return
            }
            task.complete(.failure(error))
            if !task.mode.isBound { remove(task) }
        }

        private mutating func remove(_ task: Task) {
            tasks[task.id] = nil
            release(task)
        }

        /// Takes a task off the engine, which may have a place for it.
        private func release(_ task: Task) {
            if task.isAtEngine { engine.drop(id: task.id) }
            task.isAtEngine = false
        }

        /// Performs a task's steps up to the next wait.
        private mutating func advance(_ task: Task, _ next: () throws(ConnError) -> Step<JSON>) {
            task.wait = nil
            do {
                try begin(try next(), of: task)
            } catch {
                task.complete(.failure(error))
                remove(task)
            }
        }

        private mutating func begin(_ step: Step<JSON>, of task: Task) throws(ConnError) {
            let id = task.id
            // What is not bound is done only while somebody waits for it.
            if !task.mode.isBound, task.isAnswered { return remove(task) }
            if task.mode.isCalled, !step.isDone, step.waits || task.hasWaited, task.context.deadline.hasPassed {
                throw .timeout
            }
            task.hasWaited = task.hasWaited || step.waits
            switch step {
            case .done(let answer):
                task.complete(.success(answer))
                remove(task)
            case .settled(let then):
                if task.mode.isBound { task.mode = .called }
                advance(task, then)
            case .aside(let timeout, let then):
                task.mode = .aside(timeoutMilliseconds: timeout)
                moments.insert(task.context.deadline, id: id)
                // It may have come late to what its caller waits for.
                task.end = max(task.context.deadline, .now).adding(milliseconds: 2 * StepMode.graceMilliseconds)
                moments.insert(task.end, id: id)
                advance(task, then)
            case .admission(let url, _, let then):
                task.wait = .admission(then: then)
                task.isAtEngine = true
                engine.admit(url, id: id, until: task.context.deadline)
            case .http(_, let then) where !task.mode.isBound && task.context.deadline.hasPassed:
                advance(task) { () throws(ConnError) in try then(.callEnded) }
            case .http(let request, let then):
                if request.mustFinish, task.mode.isCalled { task.mode = .bound }
                if task.mode.isBound { task.context.work?.begin(request) }
                task.wait = .http(loop.statistics.exchange(), then: then)
                task.isAtEngine = true
                engine.start(task.mode.request(request, of: task.context), id: id)
            case .pause(let milliseconds, let then):
                release(task)
                pause(task, milliseconds: milliseconds, then: then)
            case .join(let flight, nil, let then):
                release(task)
                task.wait = .message
                flight.onLanding { [weak loop] in loop?.post(.resume(id, then)) }
            case .join(let flight, let limit?, let then):
                release(task)
                pause(task, milliseconds: limit, then: then)
                flight.onLanding { [weak loop, pause = task.pauses] in loop?.post(.landed(id, pause: pause)) }
            case .blocking(let work):
                task.wait = .message
                let context = task.mode.context(task.context)
                // Others may wait for its place.
                let hasPlace = task.isAtEngine
                let isAccepted = loop.workers.run { [loop] in
                    let result = Result { () throws(ConnError) in try work(context) }
                    if case .success(.done(let answer)) = result {
                        task.complete(.success(answer))
                        loop.post(.answered(id), isUrgent: hasPlace)
                    } else {
                        loop.post(.resume(id) { () throws(ConnError) in try result.get() })
                    }
                }
                guard isAccepted else { throw .noThread }
            case .queued(_, _, let then) where task.mode.isAside && task.end.hasPassed:
                advance(task) { () throws(ConnError) in try then(.failure(.timeout)) }
            case .queued(let work, let binds, let then):
                task.wait = .queued(work, binds: binds, then: then)
                work.start(task.mode.context(task.context), on: loop.workers) { [weak loop] result in
                    loop?.post(.dequeued(id, result))
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

extension ConnError {
    package static let noThread = ConnError(.unavailable, "the system has no thread or file descriptor left")
}
