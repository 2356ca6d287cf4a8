'use strict';

// The answers that a server made of plain objects gives. Tests/mcp/test_other_languages.py holds them against the protocol's schema.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { Client } = require('descope-conn');
const { Connections } = require('descope-conn/mcp');

const URL_MODE = { elicitation: { form: {}, url: {} } };
const alice = { userId: 'alice' };
const weather = { appId: 'weather', connectUrl: 'https://app.example.com/keys/weather' };

let folder;
let client;
let connections;

before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mcp-'));
  client = new Client({ backend: 'vault', path: path.join(folder, 'vault.db'), key: { bytes: 'a5'.repeat(32) } });
  await client.apps.create({ id: 'weather', appType: 'apikey' });
  await client.apps.create({
    id: 'calendar',
    clientId: 'c',
    authorizationUrl: 'http://127.0.0.1:1/authorize',
    tokenUrl: 'http://127.0.0.1:1/token',
  });
  connections = new Connections(client, { redirectUrl: 'http://127.0.0.1/callback', waitMs: 0 });
});

after(async () => {
  await client.close();
  fs.rmSync(folder, { recursive: true });
});

/** What a result says for programs of the connections that the user has not granted. */
const missing = (answer) => answer.result._meta['descope-conn/connection'];

/** A tools/call of a client of 2026-07-28. */
function call(name, more = {}) {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': URL_MODE,
  };
  return { method: 'tools/call', params: { name, arguments: {}, _meta: meta, ...more } };
}

test('a tool that needs two connections asks once, and goes on when both are there', async () => {
  const needed = { key: weather, calendar: { appId: 'calendar', scopes: ['read'] } };
  const { answer } = await connections.prepare(call('plan'), needed, alice);
  assert.equal(answer.result.resultType, 'input_required');
  const urls = Object.values(answer.result.inputRequests).map(({ params }) => params.url);
  assert.equal(urls[0], weather.connectUrl);
  assert.match(urls[1], /^http:\/\/127\.0\.0\.1:1\/authorize\?/);

  const again = call('plan', { requestState: answer.result.requestState });
  const waiting = (await connections.prepare(again, needed, alice)).answer;
  assert.deepEqual(Object.keys(waiting.result).sort(), ['requestState', 'resultType']);

  await client.storeApiKey({ appId: 'weather', ...alice, apiKey: 'k' });
  await client.storeToken({ appId: 'calendar', ...alice, accessToken: 't', scopes: ['read'] });
  const last = call('plan', { requestState: waiting.result.requestState });
  const { tokens } = await connections.prepare(last, needed, alice);
  assert.equal(tokens.key.accessToken, 'k');
  assert.equal(tokens.calendar.accessToken, 't');
});

test('the handshake says what clients of before 2026-07-28 can do', async () => {
  const request = { method: 'tools/call', params: { name: 'plan' }, protocolVersion: '2025-11-25' };
  const needed = { key: weather };
  const carol = { userId: 'carol' };
  const able = await connections.prepare({ ...request, capabilities: URL_MODE }, needed, carol);
  assert.equal(able.answer.error.code, -32042);
  assert.equal(able.answer.error.data.elicitations[0].url, weather.connectUrl);
  const unable = await connections.prepare(request, needed, carol);
  assert.deepEqual(Object.keys(missing(unable.answer)), [
    'error',
    'requiresConnection',
    'connectionUrl',
    'message',
    'appId',
  ]);
  assert.equal(unable.answer.result.structuredContent, undefined);
  assert.equal(unable.answer.result.content[0].text.split('\n')[0], weather.connectUrl);
});

test('what one request declares does not stand for another', async () => {
  const request = { ...call('plan'), capabilities: URL_MODE };
  delete request.params._meta['io.modelcontextprotocol/clientCapabilities'];
  const { answer } = await connections.prepare(request, { key: weather }, { userId: 'carol' });
  assert.equal(answer.result.isError, true);
});

test('a state of another user, another call or nobody is an error of the request', async () => {
  const needed = { key: weather };
  const carol = { userId: 'carol' };
  const { answer } = await connections.prepare(call('plan'), needed, carol);
  const { requestState } = answer.result;
  for (
    const [request, caller, code] of [
      [call('plan', { requestState }), { userId: 'dave' }, 'forbidden'],
      [call('other', { requestState }), carol, 'invalid_request'],
      [call('plan', { requestState: 'forged' }), carol, 'invalid_request'],
    ]
  ) {
    const refused = (await connections.prepare(request, needed, caller)).answer.error;
    assert.equal(refused.code, -32602);
    assert.deepEqual(refused.data, { reason: 'invalid_request_state', code });
  }
});

test('a user who declines and a connection that is not there are results of the tool', async () => {
  const { answer } = await connections.prepare(call('plan'), { key: weather }, { userId: 'erin' });
  const declined = call('plan', {
    requestState: answer.result.requestState,
    inputResponses: { 'connect-1': { action: 'decline' } },
  });
  const refused = (await connections.prepare(declined, { key: weather }, { userId: 'erin' })).answer;
  assert.equal(missing(refused).error, 'connection_declined');
  const unknown = (await connections.prepare(call('plan'), { it: { appId: 'nothing' } }, alice)).answer;
  assert.equal(unknown.result.isError, true);
  const prompt = { ...call('plan'), method: 'prompts/get' };
  assert.equal((await connections.prepare(prompt, { it: { appId: 'nothing' } }, alice)).answer.error.code, -32603);
});
