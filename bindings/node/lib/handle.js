'use strict';

// One open backend, in the words of descope_conn.h: JSON to bytes and back, statuses to exceptions. Nothing here waits.

const ffi = require('./ffi.js');
const { library } = require('./library.js');
const { errorFrom, makeError } = require('./errors.js');

const OK = 0;
const EMPTY = 1;

/** Where the C functions put their results. Calls are synchronous, so one set serves all of this thread. */
const results = new ArrayBuffer(32);
const outId = new BigUint64Array(results, 0, 1); // the handle or the ticket
const outAnswer = new BigUint64Array(results, 8, 1);
const outLength = new BigUint64Array(results, 16, 1);
const outStatus = new Int32Array(results, 24, 1);

/** JSON.stringify turns a NaN into null, which would mean that the field is absent. */
function refuseNonFinite(key, value) {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw makeError({ code: 'invalid_request', message: `${key} must be a finite number`, field: key });
  }
  return value;
}

/** Lends a value to a C function as JSON, and wipes the bytes afterwards: a request may hold a secret. */
function withBytes(value, use) {
  const bytes = Buffer.from(JSON.stringify(value, refuseNonFinite));
  try {
    return use(bytes, BigInt(bytes.length));
  } finally {
    bytes.fill(0);
  }
}

/** Takes the answer the last call left, as text; null when it left none. Only the string outlives this. */
function takeAnswer() {
  const address = outAnswer[0];
  if (address === 0n) return null;
  try {
    const bytes = ffi.toBuffer(address, Number(outLength[0]));
    const text = bytes.toString();
    bytes.fill(0);
    return text;
  } finally {
    library().descope_conn_free(address);
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    // The engine's own message would quote the answer, and with it a secret.
    throw makeError({ code: 'internal', message: 'The library answered something that is not JSON' });
  }
}

/** What a call came to: its answer, or its exception. Text is null where the library left no answer. */
function answerOf(status, text) {
  const answer = text === null ? null : parse(text);
  if (status !== OK) throw errorFrom(status, answer);
  return answer;
}

class Handle {
  #id;

  /** A thread that is terminated runs no more of this, and a handle that nobody closes stays open. */
  #callOffTeardown;

  /** @throws {ConnError} invalid_config and others */
  constructor(config) {
    const status = withBytes(
      config,
      (bytes, length) => library().descope_conn_open(bytes, length, outId, outAnswer, outLength),
    );
    answerOf(status, takeAnswer());
    this.#id = outId[0];
    this.#callOffTeardown = ffi.atTeardown(library().descope_conn_close, this.#id, 0);
  }

  /** Starts a call and returns its ticket. */
  submit(request, timeoutMs) {
    const status = withBytes(
      request,
      (bytes, length) => library().descope_conn_submit(this.#id, bytes, length, timeoutMs, outId),
    );
    if (status !== OK) throw errorFrom(status);
    return outId[0];
  }

  /** Takes one finished call: its ticket, its own status and its answer as text. null: none has finished. */
  next() {
    const status = library().descope_conn_next(this.#id, 0, outId, outStatus, outAnswer, outLength);
    if (status === EMPTY) return null;
    const text = takeAnswer();
    if (status !== OK) answerOf(status, text);
    return { ticket: outId[0], status: outStatus[0], text };
  }

  /** Asks a call to end early; 0n asks all of them. */
  cancel(ticket) {
    library().descope_conn_cancel(this.#id, ticket);
  }

  /** The library's own descriptor. */
  eventFd() {
    const fd = library().descope_conn_event_fd(this.#id);
    if (fd < 0) throw makeError({ code: 'limit', message: 'No descriptor is left for the library' });
    return fd;
  }

  /**
   * The first time, begins to close; its descriptor comes to its end when what must finish has. Later ones give that up.
   * @returns whether all has ended
   */
  close() {
    this.#callOffTeardown();
    return library().descope_conn_close(this.#id, 0) === OK;
  }
}

module.exports = { Handle, answerOf };
