'use strict';

// The calls in flight on one handle, tied to this thread's event loop: one descriptor for all of them, and no thread.

const net = require('node:net');
const ffi = require('./ffi.js');
const { makeError } = require('./errors.js');
const { Handle } = require('./handle.js');

/** fcntl's F_DUPFD_CLOEXEC, the same on every Linux. */
const F_DUPFD_CLOEXEC = 1030;

let libc;

/** A second descriptor for the same pipe, one that child processes do not inherit. */
function duplicate(fd) {
  // fcntl is variadic; on the 64-bit Linux platforms an integer is passed to it as to any other function.
  libc ??= ffi.open(null, { fcntl: { arguments: ['int32', 'int32', 'int32'], return: 'int32' } });
  const copy = libc.fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw makeError({ code: 'limit', message: 'No descriptor is left for the event loop' });
  return copy;
}

/** Node takes longer ones for none. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** The handles of this thread that are still open. */
const open = new Set();

process.on('exit', () => {
  for (const calls of open) calls.abandon();
});

class Calls {
  #handle;
  #socket = null;

  /** Resolves when the handle has ended, or was given up. null: nobody has asked for that. */
  #closed = null;
  #resolveClosed;

  /** What is left of a close: 'answers' of calls in flight, then the 'end' of what must finish. */
  #awaits = 'answers';

  /** By ticket: what settles the promise, and the owner, which must not be collected meanwhile. */
  #pending = new Map();

  /** @throws {ConnError} when the backend does not open */
  constructor(config) {
    this.#handle = new Handle(config);
    open.add(this);
  }

  /**
   * Starts a call. The promise is settled with the library's answer: { status, text }.
   * @param owner kept alive until then
   */
  start(request, timeoutMs, owner) {
    if (this.#closed) throw makeError({ code: 'invalid_request', message: 'The client is closed' });
    this.#socket ??= this.#watch();
    const ticket = this.#handle.submit(request, timeoutMs);
    this.#socket.ref();
    const answered = new Promise((resolve, reject) => this.#pending.set(ticket, { resolve, reject, owner }));
    return { ticket, answered };
  }

  cancel(ticket) {
    if (this.#pending.has(ticket)) this.#handle.cancel(ticket);
  }

  /**
   * Refuses new calls, cancels those in flight, and resolves once each is answered and what must finish has: with true,
   * or with false when the time was up first, and the rest is given up.
   * @param {number} [waitMs] absent: as long as it takes
   */
  close(waitMs) {
    if (!this.#closed) {
      this.#closed = new Promise((resolve) => {
        this.#resolveClosed = resolve;
      });
      this.#handle.cancel(0n);
      this.#settled();
    }
    if (waitMs !== undefined) {
      const timer = setTimeout(() => this.#giveUp(), Math.min(waitMs, LONGEST_TIMER));
      this.#closed.then(() => clearTimeout(timer));
    }
    return this.#closed;
  }

  /** Closes without waiting: calls in flight are rejected as cancelled, and what must finish does in the background. */
  abandon() {
    this.close();
    this.#reject(cancelled());
    this.#settled();
    this.#ended(false);
  }

  #giveUp() {
    this.#reject(cancelled());
    this.#settled();
    if (this.#awaits === 'end') this.#ended(this.#handle.close());
  }

  /** The event loop reads and closes what it is given, so it gets a duplicate of the library's descriptor. */
  #watch() {
    const socket = new net.Socket({
      fd: duplicate(this.#handle.eventFd()),
      writable: false,
      // What is in the pipe says nothing: it only wakes us.
      onread: { buffer: Buffer.alloc(64), callback: () => this.#drain() },
    });
    socket.on('error', (error) => this.#reject(error));
    socket.on('close', () => {
      this.#socket = null;
      this.#reject(makeError({ code: 'internal', message: 'The library closed its descriptor' }));
      this.#settled();
      if (this.#awaits === 'end') this.#ended(this.#handle.close());
    });
    socket.unref();
    socket.resume();
    return socket;
  }

  #drain() {
    try {
      for (let call = this.#handle.next(); call; call = this.#handle.next()) {
        const { ticket, status, text } = call;
        this.#pending.get(ticket)?.resolve({ status, text });
        this.#pending.delete(ticket);
      }
    } catch (error) {
      this.#reject(error);
    }
    this.#settled();
    return true;
  }

  #reject(error) {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  /** An idle client lets the process end, and the handle of a closing one is closed when every call is answered. */
  #settled() {
    if (this.#pending.size > 0 || this.#awaits !== 'answers') return;
    if (!this.#closed) {
      this.#socket?.unref();
      return;
    }
    this.#awaits = 'end';
    this.#socket?.ref();
    const hasEnded = this.#handle.close();
    // Without a socket no call was ever made, and nothing is waited for.
    if (hasEnded || !this.#socket) this.#ended(hasEnded);
  }

  /** Nothing is waited for any more. */
  #ended(isInTime) {
    if (!open.delete(this)) return;
    this.#awaits = null;
    this.#socket?.destroy();
    this.#resolveClosed(isInTime);
  }
}

const cancelled = () => makeError({ code: 'cancelled', message: 'The client was closed' });

module.exports = { Calls };
