'use strict';

const { Calls } = require('./calls.js');
const { makeError } = require('./errors.js');
const { answerOf } = require('./handle.js');
const { hide } = require('./hidden.js');
const { Operations } = require('./operations.js');
const { Token } = require('./token.js');

/** DESCOPE_CONN_NO_TIMEOUT */
const NO_TIMEOUT = 0xFFFFFFFF;

/** A client that was dropped without being closed. It can have no call in flight: those keep it alive. */
const dropped = new FinalizationRegistry((calls) => calls.abandon());

function invalid(field, problem) {
  return makeError({ code: 'invalid_request', message: `${field} ${problem}`, field });
}

/** A typing mistake in an option would otherwise be an option that is not there. */
function refuseUnknown(others) {
  const [name] = Object.keys(others);
  if (name !== undefined) throw invalid(name, 'is not an option: they are timeoutMs, signal and actor');
}

function timeoutOf(milliseconds, field = 'timeoutMs') {
  if (milliseconds === undefined || milliseconds === null) return NO_TIMEOUT;
  if (Number.isInteger(milliseconds) && milliseconds >= 0 && milliseconds < NO_TIMEOUT) return milliseconds;
  throw makeError({
    code: 'invalid_request',
    message: `${field} must be a whole number of milliseconds from 0 to 4294967294`,
    field,
  });
}

/** The promise, or the signal's reason as soon as it is aborted; then cancel is called as well. */
function abortable(promise, signal, cancel) {
  return new Promise((resolve, reject) => {
    const abort = () => {
      cancel();
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

class Client extends Operations {
  #calls;

  constructor(config) {
    super();
    this.#calls = new Calls(config);
    this.backend = config.backend;
    dropped.register(this, this.#calls);
  }

  async *listAll(fields, options) {
    let page = fields;
    do {
      const { tokens, next } = await this.listTokens(page, options);
      yield* tokens;
      page = next === undefined ? undefined : { ...fields, after: next };
    } while (page);
  }

  async call(op, fields, options) {
    const { timeoutMs, signal, actor, ...others } = options ?? {};
    refuseUnknown(others);
    if (typeof fields === 'string') throw invalid('fields', "must be an object, such as { appId: 'crm' }");
    signal?.throwIfAborted();
    const request = { ...fields, actor: actor ?? fields?.actor, op };
    const { ticket, answered } = this.#calls.start(request, timeoutOf(timeoutMs), this);
    const { status, text } = await (signal ? abortable(answered, signal, () => this.#calls.cancel(ticket)) : answered);
    const answer = answerOf(status, text);
    if (answer.token) answer.token = new Token(answer.token);
    hide(op, answer);
    return answer;
  }

  async close({ waitMs } = {}) {
    const limit = timeoutOf(waitMs, 'waitMs');
    return this.#calls.close(limit === NO_TIMEOUT ? undefined : limit);
  }

  [Symbol.dispose]() {
    this.#calls.abandon();
  }

  async [Symbol.asyncDispose]() {
    await this.close();
  }
}

module.exports = { Client };
