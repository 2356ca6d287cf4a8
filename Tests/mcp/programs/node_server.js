'use strict';

// A server of plain objects over stdio, as examples/c-mcp is one: node node_server.js CONFIG APP_ID USER_ID REDIRECT_URL

const path = require('node:path');
const readline = require('node:readline');

const node = path.join(__dirname, '../../../bindings/node/lib');
const { Client } = require(path.join(node, 'index.js'));
const { Connections } = require(path.join(node, 'mcp.js'));

const [config, appId, userId, redirectUrl] = process.argv.slice(2);
const client = new Client(JSON.parse(config));
const connections = new Connections(client, { redirectUrl });
let handshake = {};

const methods = {
  initialize: async (params) => {
    handshake = params;
    const serverInfo = { name: 'node', version: '1' };
    return { result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo } };
  },
  'server/discover': async () => {
    const _meta = { 'io.modelcontextprotocol/serverInfo': { name: 'node', version: '1' } };
    const cached = { ttlMs: 0, cacheScope: 'private' };
    const known = { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } };
    return { result: { resultType: 'complete', ...cached, ...known, _meta } };
  },
  'tools/list': async () => {
    const tool = { name: 'describe_grant', inputSchema: { type: 'object', properties: {} } };
    return { result: { resultType: 'complete', ttlMs: 0, cacheScope: 'private', tools: [tool] } };
  },
  'tools/call': async (params) => {
    const { protocolVersion, capabilities, clientInfo } = handshake;
    const request = { method: 'tools/call', params, protocolVersion, capabilities, clientInfo, notify: send };
    const { tokens, answer } = await connections.prepare(request, { it: { appId } }, { userId });
    if (answer) return answer;
    const text = `${userId} granted ${tokens.it.scopes.length} scopes at ${appId}`;
    return { result: { resultType: 'complete', content: [{ type: 'text', text }] } };
  },
};

const send = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

const lines = readline.createInterface({ input: process.stdin });
lines.on('line', async (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const response = await methods[method]?.(params) ?? { error: { code: -32601, message: method } };
  send({ jsonrpc: '2.0', id, ...response });
});
lines.on('close', () => client.close());
