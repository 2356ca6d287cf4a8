'use strict';

// Connections for tools of MCP servers, whatever implements the server: requests and answers are plain objects.

const { ConnectionRequiredError, ConnError } = require('./errors.js');
const { argumentsDigest, typedCode } = require('./mcp-wire.js');

const VERSION = 'io.modelcontextprotocol/protocolVersion';
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
const CLIENT = 'io.modelcontextprotocol/clientInfo';

/** What brings the code that the user's browser shows, from clients that have no form for it. */
const CODE_ARGUMENT = 'confirmation_code';

/** The resource that clients with MCP Apps show where a connection is missing. */
const CARD_URI = 'ui://descope-conn/connect';

/** Between the notifications of a call that waits for its user. Milliseconds. */
const PROGRESS_INTERVAL = 5000;

/** For how long a grant is waited for after a client was sent the error of 2025-11-25. Milliseconds. */
const COMPLETION_WAIT = 300_000;

/** Of those at a time: the notification is optional, and a client that hears nothing lets its user say so. */
const MOST_COMPLETIONS = 256;

/** JSON-RPC's codes. */
const INVALID_PARAMS = -32602;
const INTERNAL_ERROR = -32603;

class Connections {
  #client;
  #redirectUrl;
  #waitMs;
  #confirmation;
  #completions = 0;
  #card;

  /** The `_meta` of a tool whose results the card shows, where a connection is missing. */
  static cardMeta = Object.freeze({ ui: Object.freeze({ resourceUri: CARD_URI }) });

  constructor(client, { redirectUrl, waitMs = 20_000, confirmation }) {
    this.#client = client;
    this.#redirectUrl = redirectUrl;
    this.#waitMs = waitMs;
    this.#confirmation = confirmation;
  }

  async prepare(request, needed, caller) {
    try {
      return await this.#prepare(new Call(request, caller), Object.entries(needed), caller);
    } catch (error) {
      if (error instanceof ConnError) return { answer: failure(request, error) };
      throw error;
    }
  }

  async card() {
    this.#card ??= this.#client.mcp.card();
    const { uri, name, mimeType, text } = await this.#card;
    return { resource: { uri, name, mimeType }, contents: { uri, mimeType, text } };
  }

  async #prepare(call, needed, caller) {
    if (call.requestState !== undefined) {
      const waiting = this.#client.mcp.resume({
        ...call.fields,
        accessToken: caller.accessToken,
        requestState: call.requestState,
        inputResponses: call.inputResponses,
        waitMs: this.#waitMs,
      });
      const { state, response } = await this.#reportProgress(call, needed, waiting);
      if (state !== 'ready') return { answer: response };
    }
    const needsCode = this.#confirmation ?? (caller.local === true && this.#client.backend === 'vault');
    if (needsCode && call.code !== undefined) await this.#confirm(call.code, needed, caller);
    const found = await Promise.all(needed.map(([, connection]) => this.#find(connection, caller, needsCode)));
    const missing = found.flatMap((one) => one.missing ?? []);
    if (missing.length === 0) {
      return { tokens: Object.fromEntries(needed.map(([name], index) => [name, found[index].token])) };
    }
    const { protocolVersion, capabilities, clientInfo } = call;
    const fields = { ...call.fields, protocolVersion, capabilities, clientInfo, connections: missing };
    const { response, completions = [] } = await this.#client.mcp.answer(fields);
    for (const completion of completions) this.#complete(call, caller, completion);
    return { answer: response };
  }

  /** The token, or what is missing. */
  async #find(
    { appId, scopes, externalIdentifier, acceptNarrower, connectUrl },
    { userId, tenantId, accessToken },
    needsCode,
  ) {
    const connection = { appId, scopes, externalIdentifier };
    const options = acceptNarrower ? { acceptNarrower } : undefined;
    const confirmation = needsCode ? true : undefined;
    const connect = connectUrl === undefined ? { redirectUrl: this.#redirectUrl, confirmation } : undefined;
    try {
      return {
        token: await this.#client.fetchToken({ ...connection, userId, tenantId, accessToken, options, connect }),
      };
    } catch (error) {
      if (error instanceof ConnectionRequiredError) {
        return { missing: { ...connection, acceptNarrower, confirmation, connectionUrl: error.connectionUrl } };
      }
      if (connectUrl !== undefined && error.code === 'not_found' && error.reason && error.reason !== 'app') {
        return { missing: { ...connection, acceptNarrower, connectionUrl: connectUrl } };
      }
      throw error;
    }
  }

  /** Lets out the first grant that waits for a code: users are asked for one at a time. */
  async #confirm(code, needed, { userId, tenantId }) {
    for (const [, { appId, connectUrl }] of needed) {
      if (connectUrl !== undefined) continue;
      try {
        await this.#client.confirm({ appId, code, userId, tenantId });
        return;
      } catch (error) {
        if (error.code !== 'not_found') throw error;
      }
    }
  }

  /** What is waited for, while the client is told that it is, if it wants to know. */
  async #reportProgress(call, needed, waiting) {
    if (!call.notify || call.progressToken === undefined) return waiting;
    const start = performance.now();
    const message = `Waiting for the user to connect ${needed.map(([, { appId }]) => appId).join(', ')}`;
    const tell = () =>
      call.tell('notifications/progress', {
        progressToken: call.progressToken,
        progress: (performance.now() - start) / 1000,
        total: this.#waitMs / 1000,
        message,
      });
    tell();
    const timer = setInterval(tell, PROGRESS_INTERVAL);
    try {
      return await waiting;
    } finally {
      clearInterval(timer);
    }
  }

  /** Tells a client of 2025-11-25 when its user has done what it was sent to. */
  async #complete(call, { accessToken }, { elicitationId, requestState }) {
    if (!call.notify || this.#completions >= MOST_COMPLETIONS) return;
    this.#completions += 1;
    try {
      const { state } = await this.#client.mcp.resume({
        ...call.fields,
        accessToken,
        requestState,
        waitMs: COMPLETION_WAIT,
      });
      if (state === 'ready') call.tell('notifications/elicitation/complete', { elicitationId });
    } catch {
      // The state has expired, or the client was closed: who waits for nothing is told nothing.
    } finally {
      this.#completions -= 1;
    }
  }
}

/** A request of a client, and what the core wants to know of it. */
class Call {
  constructor({ method, params, protocolVersion, capabilities, clientInfo, notify }, { userId, tenantId }) {
    const { requestState, inputResponses } = params;
    const meta = params._meta ?? {};
    const args = params.arguments ?? undefined;
    const digest = args === undefined ? undefined : argumentsDigest(args);
    const name = params.name ?? params.uri;
    this.fields = { method, name: name === undefined ? name : String(name), argumentsDigest: digest, userId, tenantId };
    const version = meta[VERSION] ?? protocolVersion;
    this.protocolVersion = typeof version === 'string' ? version : 'unknown';
    // From 2026-07-28 on each request says all of this, and what a connection's first request said counts no more.
    this.capabilities = meta[VERSION] === undefined ? capabilities : meta[CAPABILITIES];
    this.clientInfo = meta[VERSION] === undefined ? clientInfo : meta[CLIENT];
    if (requestState !== undefined && requestState !== null) {
      this.requestState = typeof requestState === 'string' ? requestState : ''; // which is none
    }
    this.inputResponses = inputResponses;
    this.progressToken = meta.progressToken ?? undefined;
    this.notify = notify;
    this.code = method === 'tools/call' ? typedCode(args?.[CODE_ARGUMENT]) : undefined;
  }

  /** Of a client that has gone away meanwhile nothing is wanted any more. */
  tell(method, params) {
    try {
      Promise.resolve(this.notify({ jsonrpc: '2.0', method, params })).catch(() => {});
    } catch {
      // as above
    }
  }
}

/** As the client is told; the library's messages hold no secret. */
function failure({ method }, { message, code, field }) {
  if (field === 'requestState' || field === 'arguments' || field === 'argumentsDigest') {
    return { error: { code: INVALID_PARAMS, message, data: { reason: 'invalid_request_state', code } } };
  }
  if (method === 'tools/call') {
    return { result: { resultType: 'complete', content: [{ type: 'text', text: message }], isError: true } };
  }
  return { error: { code: INTERNAL_ERROR, message, data: { code } } };
}

module.exports = { Connections };
