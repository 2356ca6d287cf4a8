'use strict';

// Connections for tools of MCP servers, whatever implements the server: requests and answers are plain objects.

const { ConnectionRequiredError, DescopeConnError } = require('./errors.js');

const VERSION = 'io.modelcontextprotocol/protocolVersion';
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';

/** JSON-RPC's codes. */
const INVALID_PARAMS = -32602;
const INTERNAL_ERROR = -32603;

class Connections {
  #client;
  #redirectUrl;
  #waitMs;

  constructor(client, { redirectUrl, waitMs = 20_000 }) {
    this.#client = client;
    this.#redirectUrl = redirectUrl;
    this.#waitMs = waitMs;
  }

  async prepare(request, needed, caller) {
    try {
      return await this.#prepare(new Call(request, caller), Object.entries(needed), caller);
    } catch (error) {
      if (error instanceof DescopeConnError) return { answer: failure(request, error) };
      throw error;
    }
  }

  async #prepare(call, needed, caller) {
    if (call.requestState !== undefined) {
      const { state, response } = await this.#client.mcp.resume({
        ...call.fields,
        accessToken: caller.accessToken,
        requestState: call.requestState,
        inputResponses: call.inputResponses,
        waitMs: this.#waitMs,
      });
      if (state !== 'ready') return { answer: response };
    }
    const found = await Promise.all(needed.map(([, connection]) => this.#find(connection, caller)));
    const missing = found.flatMap((one) => one.missing ?? []);
    if (missing.length === 0) {
      return { tokens: Object.fromEntries(needed.map(([name], index) => [name, found[index].token])) };
    }
    const { protocolVersion, capabilities } = call;
    const fields = { ...call.fields, protocolVersion, capabilities, connections: missing };
    return { answer: (await this.#client.mcp.answer(fields)).response };
  }

  /** The token, or what is missing. */
  async #find({ appId, scopes, externalIdentifier, acceptNarrower, connectUrl }, { userId, tenantId, accessToken }) {
    const connection = { appId, scopes, externalIdentifier };
    const options = acceptNarrower ? { acceptNarrower } : undefined;
    const connect = connectUrl === undefined ? { redirectUrl: this.#redirectUrl } : undefined;
    try {
      return { token: await this.#client.fetchToken({ ...connection, userId, tenantId, accessToken, options, connect }) };
    } catch (error) {
      if (error instanceof ConnectionRequiredError) {
        return { missing: { ...connection, acceptNarrower, connectionUrl: error.connectionUrl } };
      }
      if (connectUrl !== undefined && error.code === 'not_found' && error.reason && error.reason !== 'app') {
        return { missing: { ...connection, acceptNarrower, connectionUrl: connectUrl } };
      }
      throw error;
    }
  }
}

/** A request of a client, and what the core wants to know of it. */
class Call {
  constructor({ method, params, protocolVersion, capabilities }, { userId, tenantId }) {
    const { _meta: meta = {}, requestState, inputResponses } = params;
    this.fields = { method, name: params.name ?? params.uri, arguments: params.arguments, userId, tenantId };
    this.protocolVersion = meta[VERSION] ?? protocolVersion;
    // From 2026-07-28 on each request says both, and what a connection's first request said counts no more.
    this.capabilities = meta[VERSION] === undefined ? capabilities : meta[CAPABILITIES];
    this.requestState = requestState ?? undefined;
    this.inputResponses = inputResponses;
  }
}

/** As the client is told; the library's messages hold no secret. */
function failure({ method }, { message, code, field }) {
  if (field === 'requestState' || field === 'arguments') {
    return { error: { code: INVALID_PARAMS, message, data: { reason: 'invalid_request_state', code } } };
  }
  if (method === 'tools/call') {
    return { result: { resultType: 'complete', content: [{ type: 'text', text: message }], isError: true } };
  }
  return { error: { code: INTERNAL_ERROR, message, data: { code } } };
}

module.exports = { Connections };
