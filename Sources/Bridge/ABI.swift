// The names are the header's.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

internal import Assembly
public import CDescopeConn
internal import Connections
internal import Glibc
internal import HTTP
internal import Plugins
internal import Runtime

// swift-format-ignore-file: AlwaysUseLowerCamelCase

// The functions that include/descope_conn.h declares. Each turns C arguments into Swift ones and back; what they mean is
// said in the header. `public import` matters: with an internal one the release build exports nothing.

public typealias Status = descope_conn_status
public typealias Text = UnsafePointer<CChar>?
public typealias OutText = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
public typealias OutLength = UnsafeMutablePointer<Int>?

// MARK: - The library

@c @implementation
public func descope_conn_abi() -> UInt32 { BuildInfo.abi }

@c @implementation
public func descope_conn_build_info() -> UnsafePointer<CChar>! { BuildInfo.text }

@c @implementation
public func descope_conn_free(_ memory: UnsafeMutableRawPointer!) { WipingAllocator.free(memory) }

@c @implementation
public func descope_conn_set_log(
    _ max_level: Int32, _ log: descope_conn_log_fn!, _ user: UnsafeMutableRawPointer!
) -> Status {
    Inside.enter()
    defer { Inside.leave() }
    guard (0...4).contains(max_level) else { return DESCOPE_CONN_E_ARGUMENT }
    LogSink.set(maxLevel: max_level, log: log, user: user)
    return DESCOPE_CONN_OK
}

// MARK: - Handles

@c @implementation
public func descope_conn_open(
    _ config: Text, _ config_len: Int, _ out_handle: UnsafeMutablePointer<descope_conn_handle>!, _ out: OutText,
    _ out_len: OutLength
) -> Status {
    Inside.enter()
    defer { Inside.leave() }
    let output = Output(out, out_len)
    out_handle?.pointee = 0
    guard let out_handle else { return output.write(.null("out_handle")) }
    guard let config = bytes(config, config_len) else { return output.write(.null("config")) }
    do {
        let handle = Handle(client: try Client.open(config))
        guard let number = HandleTable.shared.insert(handle) else {
            _ = handle.beginClosing {}
            return output.write(ConnError(.limit, "too many handles are open"))
        }
        out_handle.pointee = number
        return DESCOPE_CONN_OK
    } catch {
        return output.write(error)
    }
}

@c @implementation
public func descope_conn_close(_ handle: descope_conn_handle, _ wait_ms: UInt32) -> Status {
    Inside.enter()
    defer { Inside.leave() }
    guard let closing = HandleTable.shared.find(handle) else { return DESCOPE_CONN_OK }
    guard !closing.isForked else {
        // Its sockets, files and locks are the parent's: freeing them here would disturb it.
        _ = Unmanaged.passRetained(closing)
        HandleTable.shared.remove(handle)
        return DESCOPE_CONN_OK
    }
    if closing.beginClosing(onEnd: { HandleTable.shared.remove(handle) }) {
        if closing.awaitEnd(until: deadline(wait_ms)) { return DESCOPE_CONN_OK }
        if wait_ms == 0 { return DESCOPE_CONN_E_TIMEOUT }
    }
    return closing.giveUp() ? DESCOPE_CONN_E_TIMEOUT : DESCOPE_CONN_OK
}

// MARK: - Calls on the caller's thread

@c @implementation
public func descope_conn_connect(
    _ handle: descope_conn_handle, _ request: Text, _ request_len: Int, _ timeout_ms: UInt32, _ out: OutText,
    _ out_len: OutLength
) -> Status {
    call(handle, "connect", request, request_len, timeout_ms, Output(out, out_len))
}

@c @implementation
public func descope_conn_fetch(
    _ handle: descope_conn_handle, _ request: Text, _ request_len: Int, _ timeout_ms: UInt32, _ out: OutText,
    _ out_len: OutLength
) -> Status {
    call(handle, "fetch", request, request_len, timeout_ms, Output(out, out_len))
}

@c @implementation
public func descope_conn_store_api_key(
    _ handle: descope_conn_handle, _ request: Text, _ request_len: Int, _ timeout_ms: UInt32, _ out: OutText,
    _ out_len: OutLength
) -> Status {
    call(handle, "store_api_key", request, request_len, timeout_ms, Output(out, out_len))
}

@c @implementation
public func descope_conn_delete(
    _ handle: descope_conn_handle, _ request: Text, _ request_len: Int, _ timeout_ms: UInt32, _ out: OutText,
    _ out_len: OutLength
) -> Status {
    call(handle, "delete", request, request_len, timeout_ms, Output(out, out_len))
}

@c @implementation
public func descope_conn_call(
    _ handle: descope_conn_handle, _ request: Text, _ request_len: Int, _ timeout_ms: UInt32, _ out: OutText,
    _ out_len: OutLength
) -> Status {
    call(handle, nil, request, request_len, timeout_ms, Output(out, out_len))
}

private func call(
    _ number: descope_conn_handle, _ operation: String?, _ request: Text, _ length: Int, _ timeout: UInt32,
    _ output: Output
) -> Status {
    Inside.enter()
    defer { Inside.leave() }
    guard let request = bytes(request, length) else { return output.write(.null("request")) }
    let deadline = deadline(timeout)
    switch find(number) {
    case .failure(let failure):
        return output.write(failure.error, status: failure.status)
    case .success(let handle):
        guard let answer = handle.call(request, operation: operation, deadline: deadline) else {
            return output.write(HandleFailure.closed.error, status: HandleFailure.closed.status)
        }
        return output.write(answer)
    }
}

// MARK: - Submitted calls

@c @implementation
public func descope_conn_submit(
    _ handle: descope_conn_handle, _ request: Text, _ request_len: Int, _ timeout_ms: UInt32,
    _ out_ticket: UnsafeMutablePointer<descope_conn_ticket>!
) -> Status {
    Inside.enter()
    defer { Inside.leave() }
    out_ticket?.pointee = 0
    guard let out_ticket, let request = bytes(request, request_len) else { return DESCOPE_CONN_E_ARGUMENT }
    guard request.count <= Request.maxBytes else { return DESCOPE_CONN_E_LIMIT }
    switch find(handle) {
    case .failure(let failure):
        return failure.status
    case .success(let handle):
        switch handle.submit(request, deadline: deadline(timeout_ms)) {
        case .accepted(let ticket):
            out_ticket.pointee = ticket
            return DESCOPE_CONN_OK
        case .closed: return DESCOPE_CONN_E_HANDLE
        case .full: return DESCOPE_CONN_E_LIMIT
        }
    }
}

@c @implementation
public func descope_conn_next(
    _ handle: descope_conn_handle, _ wait_ms: UInt32, _ out_ticket: UnsafeMutablePointer<descope_conn_ticket>!,
    _ out_call_status: UnsafeMutablePointer<descope_conn_status>!, _ out: OutText, _ out_len: OutLength
) -> Status {
    Inside.enter()
    defer { Inside.leave() }
    let output = Output(out, out_len)
    out_ticket?.pointee = 0
    out_call_status?.pointee = DESCOPE_CONN_OK
    guard let out_ticket, let out_call_status else { return output.write(.null("out_ticket or out_call_status")) }
    switch find(handle) {
    case .failure(let failure):
        return output.write(failure.error, status: failure.status)
    case .success(let handle):
        switch handle.next(deadline: deadline(wait_ms)) {
        case .answer(let ticket, let answer):
            out_ticket.pointee = ticket
            out_call_status.pointee = output.write(answer)
            return DESCOPE_CONN_OK
        case .nothing:
            return DESCOPE_CONN_EMPTY
        case .closed:
            return output.write(HandleFailure.closed.error, status: HandleFailure.closed.status)
        }
    }
}

@c @implementation
public func descope_conn_event_fd(_ handle: descope_conn_handle) -> Int32 {
    Inside.enter()
    defer { Inside.leave() }
    guard case .success(let handle) = find(handle) else { return -1 }
    return handle.eventDescriptor ?? -1
}

@c @implementation
public func descope_conn_cancel(_ handle: descope_conn_handle, _ ticket: descope_conn_ticket) -> Status {
    Inside.enter()
    defer { Inside.leave() }
    switch find(handle) {
    case .failure(let failure):
        return failure.status
    case .success(let handle):
        handle.cancel(ticket: ticket)
        return DESCOPE_CONN_OK
    }
}

// MARK: - Arguments

/// Why a number is no handle to work with.
private struct HandleFailure: Error {
    let status: Int32
    let error: ConnError

    static let closed = HandleFailure(
        status: DESCOPE_CONN_E_HANDLE,
        error: ConnError(.invalidRequest, "the handle was never opened, or is closed", field: "handle"))
    static let forked = HandleFailure(
        status: DESCOPE_CONN_E_FORKED,
        error: ConnError(
            .unsupported, "the handle belongs to the process that opened it; open a new one after fork", field: "handle"
        ))
}

private func find(_ number: descope_conn_handle) -> Result<Handle, HandleFailure> {
    guard let handle = HandleTable.shared.find(number) else { return .failure(.closed) }
    guard !handle.isForked else { return .failure(.forked) }
    return handle.isOpen ? .success(handle) : .failure(.closed)
}

/// Nil for a null pointer with a length. A length beyond what memory can hold is taken for a mistake too.
private func bytes(_ text: Text, _ length: Int) -> UnsafeRawBufferPointer? {
    guard length >= 0 else { return nil }  // a size_t above Int.max
    guard let text else { return nil }
    return UnsafeRawBufferPointer(start: text, count: length)
}

private func deadline(_ milliseconds: UInt32) -> Deadline {
    milliseconds == DESCOPE_CONN_NO_TIMEOUT ? .never : .after(milliseconds: Int(milliseconds))
}

extension ConnError {
    fileprivate static func null(_ argument: String) -> ConnError { .invalid(argument, "is NULL") }
}

// MARK: - Plugins

@c @implementation
public func descope_conn_register_plugin(
    _ initialize: descope_conn_plugin_init_fn!, _ out: OutText, _ out_len: OutLength
) -> Status {
    Inside.enter()
    defer { Inside.leave() }
    let output = Output(out, out_len)
    guard let initialize else { return output.write(.null("init")) }
    do {
        try registerPlugin(initialize)
        return DESCOPE_CONN_OK
    } catch {
        return output.write(error)
    }
}
