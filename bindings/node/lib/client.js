'use strict';

const { Calls } = require('./calls.js');
const { DescopeConnError } = require('./errors.js');
const { answerOf } = require('./handle.js');
const { hide } = require('./hidden.js');
const { reduced } = require('./mcp-wire.js');
const { Token } = require('./token.js');

/** DESCOPE_CONN_NO_TIMEOUT */
const NO_TIMEOUT = 0xFFFFFFFF;

/** A client that was dropped without being closed. It can have no call in flight: those keep it alive. */
const dropped = new FinalizationRegistry((calls) => calls.abandon());

function timeoutOf(milliseconds, field = 'timeoutMs') {
  if (milliseconds === undefined || milliseconds === null) return NO_TIMEOUT;
  if (Number.isInteger(milliseconds) && milliseconds >= 0 && milliseconds < NO_TIMEOUT) return milliseconds;
  throw new DescopeConnError({
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

class Client {
  #calls;

  constructor(config) {
    this.#calls = new Calls(config);
    this.backend = config.backend;
    this.apps = new Apps(this);
    this.keys = new Keys(this);
    this.audit = new Audit(this);
    this.templates = new Templates(this);
    this.device = new Device(this);
    this.mcp = new Mcp(this);
    dropped.register(this, this.#calls);
  }

  connect(fields, options) {
    return this.call('connect', fields, options);
  }

  openConnect(fields, options) {
    return this.call('open', fields, options);
  }

  complete(fields, options) {
    return this.call('complete', fields, options);
  }

  confirm(fields, options) {
    return this.call('confirm', fields, options);
  }

  async fetchToken(fields, options) {
    return (await this.call('fetch', fields, options)).token;
  }

  storeApiKey(fields, options) {
    return this.call('store_api_key', fields, options);
  }

  storeToken(fields, options) {
    return this.call('store_token', fields, options);
  }

  storeTokens(fields, options) {
    return this.call('store_tokens', fields, options);
  }

  deleteTokens(fields, options) {
    return this.call('delete', fields, options);
  }

  runRevocations(fields, options) {
    return this.call('revocations.run', fields, options);
  }

  list(fields, options) {
    return this.call('list', fields, options);
  }

  async *listAll(fields, options) {
    let page = fields;
    do {
      const { tokens, next } = await this.list(page, options);
      yield* tokens;
      page = next === undefined ? undefined : { ...fields, after: next };
    } while (page);
  }

  async reportRejected(fields, options) {
    return (await this.call('report_rejected', fields, options)).token;
  }

  exportTokens(fields, options) {
    return this.call('export', fields, options);
  }

  deleteIdleTokens(options) {
    return this.call('retention.sweep', {}, options);
  }

  backUp(fields, options) {
    return this.call('backup', fields, options);
  }

  checkBackup(fields, options) {
    return this.call('backup.check', fields, options);
  }

  describe(options) {
    return this.call('describe', {}, options);
  }

  async call(op, fields, { timeoutMs, signal, actor } = {}) {
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

/** The connections themselves: client.apps. */
class Apps {
  #client;

  constructor(client) {
    this.#client = client;
  }

  create(fields, options) {
    return this.#client.call('apps.create', fields, options);
  }

  update(fields, options) {
    return this.#client.call('apps.update', fields, options);
  }

  delete(fields, options) {
    return this.#client.call('apps.delete', fields, options);
  }

  load(fields, options) {
    return this.#client.call('apps.load', fields, options);
  }

  list(fields, options) {
    return this.#client.call('apps.list', fields, options);
  }
}

/** The operations for MCP servers: client.mcp. */
class Mcp {
  #client;

  constructor(client) {
    this.#client = client;
  }

  async answer(fields, options) {
    return this.#client.call('mcp.answer', reduced(fields), options);
  }

  async resume(fields, options) {
    return this.#client.call('mcp.resume', reduced(fields), options);
  }

  card(options) {
    return this.#client.call('mcp.card', {}, options);
  }
}

/** The vault's catalogue of providers: client.templates. */
class Templates {
  #client;

  constructor(client) {
    this.#client = client;
  }

  list(fields, options) {
    return this.#client.call('templates.list', fields, options);
  }

  load(fields, options) {
    return this.#client.call('templates.load', fields, options);
  }
}

/** Grants that users give on another device: client.device. */
class Device {
  #client;

  constructor(client) {
    this.#client = client;
  }

  start(fields, options) {
    return this.#client.call('device.start', fields, options);
  }

  poll(fields, options) {
    return this.#client.call('device.poll', fields, options);
  }
}

/** The keys that seal a vault: client.keys. */
class Keys {
  #client;

  constructor(client) {
    this.#client = client;
  }

  list(options) {
    return this.#client.call('keys.list', {}, options);
  }

  add(options) {
    return this.#client.call('keys.add', {}, options);
  }

  activate(fields, options) {
    return this.#client.call('keys.activate', fields, options);
  }

  reseal(options) {
    return this.#client.call('keys.reseal', {}, options);
  }

  drop(fields, options) {
    return this.#client.call('keys.drop', fields, options);
  }
}

/** What was done to a vault's tokens: client.audit. */
class Audit {
  #client;

  constructor(client) {
    this.#client = client;
  }

  list(fields, options) {
    return this.#client.call('audit.list', fields, options);
  }

  verify(fields, options) {
    return this.#client.call('audit.verify', fields, options);
  }
}

module.exports = { Client };
