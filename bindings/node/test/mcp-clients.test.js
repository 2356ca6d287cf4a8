'use strict';

// What clients of MCP servers send, and are sent: arguments of any kind, codes, notifications, the card.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { Client } = require('descope-conn');
const { Connections } = require('descope-conn/mcp');
const { argumentsDigest, reduced, typedCode } = require('../lib/mcp-wire.js');

const META = 'io.modelcontextprotocol/';
const needed = { it: { appId: 'calendar' } };

let folder;
let client;

before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mcp-clients-'));
  client = new Client({ backend: 'vault', path: path.join(folder, 'vault.db'), key: { bytes: 'a5'.repeat(32) } });
  await client.apps.create({
    id: 'calendar',
    clientId: 'c',
    authorizationUrl: 'http://127.0.0.1:1/authorize',
    tokenUrl: 'http://127.0.0.1:1/token',
  });
});

after(async () => {
  await client.close();
  fs.rmSync(folder, { recursive: true });
});

const connectionsWith = (options) => new Connections(client, { redirectUrl: 'http://127.0.0.1/callback', ...options });
const grant = (userId) => client.storeToken({ appId: 'calendar', userId, accessToken: 't' });
const missing = (answer) => answer.result._meta['descope-conn/connection'];

/** A tools/call of a client of 2026-07-28. */
function call(more = {}, capabilities = { elicitation: { form: {}, url: {} } }) {
  const meta = { [`${META}protocolVersion`]: '2026-07-28', [`${META}clientCapabilities`]: capabilities };
  return { method: 'tools/call', params: { name: 'plan', arguments: {}, _meta: meta, ...more } };
}

test("the digest of arguments is every binding's", () => {
  const file = path.join(__dirname, '..', '..', '..', 'Tests', 'mcp', 'digests.json');
  for (const { arguments: text, digest } of JSON.parse(fs.readFileSync(file, 'utf8'))) {
    assert.equal(argumentsDigest(JSON.parse(text)), digest, text);
  }
  assert.equal(argumentsDigest({ a: undefined }), argumentsDigest({}));
});

function deep(levels) {
  let value = 'x';
  for (let level = 0; level < levels; level++) value = { content: [value] };
  return value;
}

for (
  const [name, value] of Object.entries({
    'numbers of any size': [1e20, 1e400, 2 ** 64, -0],
    NUL: { 'a\0': 'a\0b' },
    'lone surrogates': { '\ud83d': '\ude00' },
    'a thousand levels': deep(500),
    '4 MB': 'A'.repeat(4_000_000),
  })
) {
  test(`${name} among the arguments give the URL, and the call goes on`, async () => {
    const userId = `user of ${name}`;
    const connections = connectionsWith({ waitMs: 0 });
    const args = { file: value };
    const capabilities = { elicitation: { url: {} }, experimental: { any: value } };
    const { answer } = await connections.prepare(call({ arguments: args }, capabilities), needed, { userId });
    assert.match(answer.result.inputRequests['connect-1'].params.url, /^http:\/\/127\.0\.0\.1:1\/authorize\?/);
    await grant(userId);
    const inputResponses = { 'connect-1': { action: 'accept', content: { any: value } } };
    const again = call({ arguments: args, requestState: answer.result.requestState, inputResponses }, capabilities);
    assert.equal((await connections.prepare(again, needed, { userId })).tokens.it.accessToken, 't');
  });
}

test('a draft of the protocol, and a client with an odd name, are told in words', async () => {
  const connections = connectionsWith({});
  for (const protocolVersion of ['DRAFT-2026-v1', 'draft\n', 7, 'x'.repeat(100), undefined]) {
    const request = { method: 'tools/call', params: { name: 'plan' }, protocolVersion, clientInfo: { name: 'a\0' } };
    const { answer } = await connections.prepare(request, needed, { userId: 'odd' });
    assert.equal(answer.result.content[0].text.split('\n')[0], missing(answer).connectionUrl);
  }
});

test('a client that hides URLs is not asked to open one', async () => {
  const request = { method: 'tools/call', params: { name: 'plan' }, protocolVersion: '2025-11-25' };
  const capabilities = { elicitation: { form: {}, url: {} } };
  for (const [version, isHidden] of [['2.1.87', true], ['2.1.200', false]]) {
    const clientInfo = { name: 'claude-code', version };
    const { answer } = await connectionsWith({}).prepare({ ...request, capabilities, clientInfo }, needed, {
      userId: 'c',
    });
    assert.equal('result' in answer, isHidden);
  }
});

test('who is local is asked for a code, in a form or through the model', async () => {
  const local = { userId: 'local', local: true };
  const form = await connectionsWith({}).prepare(call(), needed, local);
  assert.deepEqual(Object.keys(form.answer.result.inputRequests), ['connect-1', 'confirm-1']);
  const words = await connectionsWith({}).prepare(call({}, {}), needed, local);
  assert.match(words.answer.result.content[0].text, /confirmation_code/);
  const others = await connectionsWith({}).prepare(call(), needed, { userId: 'remote' });
  assert.deepEqual(Object.keys(others.answer.result.inputRequests), ['connect-1']);
  const without = await connectionsWith({ confirmation: false }).prepare(call(), needed, local);
  assert.deepEqual(Object.keys(without.answer.result.inputRequests), ['connect-1']);
  // A code that no grant waits for says nothing.
  const early = await connectionsWith({}).prepare(
    call({ arguments: { confirmation_code: '123-456' } }, {}),
    needed,
    local,
  );
  assert.equal(missing(early.answer).error, 'connection_required');
});

test('a code is one however it is typed', () => {
  for (
    const [typed, code] of [
      [123456, '123456'],
      [7, '000007'],
      [7.0, '000007'],
      [0, '000000'],
      [12n, '000012'],
      ['123-456', '123-456'],
      [' 12 34 56\n', ' 12 34 56\n'],
      ['The code is 123456.', 'The code is 123456.'],
      ['１２３４５６', '１２３４５６'],
      ['', undefined],
      [' ', undefined],
      ['none', undefined],
      [null, undefined],
      [undefined, undefined],
      [true, undefined],
      [-1, undefined],
      [1.5, undefined],
      [Infinity, undefined],
      [{}, undefined],
      [['1'], undefined],
    ]
  ) {
    assert.equal(typedCode(typed), code, String(typed));
    const responses = { 'confirm-1': { action: 'accept', content: { code: typed } } };
    assert.equal(reduced({ inputResponses: responses }).inputResponses['confirm-1'].content?.code, code);
  }
});

for (
  const [name, value] of Object.entries({
    NUL: 'notes://a\0b',
    'a line end': 'notes://a\nb',
    'a lone surrogate': 'notes://\ud800',
    'nothing in it': '',
    '2 MB': `notes://${'x'.repeat(2_000_000)}`,
    'a number': 7,
    infinity: Infinity,
    'an object': { a: 1 },
  })
) {
  test(`a name or URI with ${name} gets the URL, and the call goes on`, async () => {
    for (const method of ['resources/read', 'prompts/get', 'tools/call']) {
      const userId = `${method} of ${name}`;
      const connections = connectionsWith({ waitMs: 0 });
      const odd = { ...call({ name: undefined, uri: value, arguments: { a: value } }), method };
      const { answer } = await connections.prepare(odd, needed, { userId });
      assert.match(answer.result.inputRequests['connect-1'].params.url, /^http:\/\/127\.0\.0\.1:1\/authorize\?/);
      await grant(userId);
      odd.params.requestState = answer.result.requestState;
      assert.equal((await connections.prepare(odd, needed, { userId })).tokens.it.accessToken, 't');
    }
  });
}

test('what is no state is told to be none', async () => {
  for (const requestState of ['a\0', '\ud800', '', 7, Infinity, {}, [], true, 'A'.repeat(2_000_000)]) {
    const { answer } = await connectionsWith({}).prepare(call({ requestState }), needed, { userId: 'odd' });
    assert.equal(answer.error?.code, -32602, String(requestState).slice(0, 20));
  }
});

test('a call that waits tells its progress to whoever wants to know', async () => {
  const connections = connectionsWith({});
  const caller = { userId: 'patient' };
  const { answer } = await connections.prepare(call(), needed, caller);
  const told = [];
  const again = call({ requestState: answer.result.requestState });
  again.params._meta.progressToken = 'p';
  again.notify = (notification) => {
    told.push(notification);
    grant('patient');
  };
  assert.equal((await connections.prepare(again, needed, caller)).tokens.it.accessToken, 't');
  const [{ jsonrpc, method, params }] = told;
  assert.deepEqual({ jsonrpc, method }, { jsonrpc: '2.0', method: 'notifications/progress' });
  assert.equal(params.progressToken, 'p');
  assert.equal(params.message, 'Waiting for the user to connect calendar');
});

test('a client of 2025 hears when the grant is there', { timeout: 30_000 }, async () => {
  const request = { method: 'tools/call', params: { name: 'plan' }, protocolVersion: '2025-11-25' };
  const capabilities = { elicitation: { url: {} } };
  const heard = {};
  heard.promise = new Promise((resolve) => {
    heard.resolve = resolve;
  });
  const { answer } = await connectionsWith({}).prepare(
    { ...request, capabilities, notify: heard.resolve },
    needed,
    { userId: 'hears' },
  );
  await grant('hears');
  const { method, params } = await heard.promise;
  assert.equal(method, 'notifications/elicitation/complete');
  assert.equal(params.elicitationId, answer.error.data.elicitations[0].elicitationId);
});

test('the card is a resource of MCP Apps', async () => {
  const { resource, contents } = await connectionsWith({}).card();
  assert.equal(resource.uri, Connections.cardMeta.ui.resourceUri);
  assert.equal(contents.mimeType, 'text/html;profile=mcp-app');
  assert.match(contents.text, /^<!doctype html>/);
  const ui = { mimeTypes: ['text/html;profile=mcp-app'] };
  const { answer } = await connectionsWith({}).prepare(
    call({}, { extensions: { [`${META}ui`]: ui } }),
    needed,
    { userId: 'apps' },
  );
  assert.equal(missing(answer).appId, 'calendar');
});

test("what is in no JSON rejects, and a call without fields is the library's to refuse", async () => {
  await assert.rejects(client.mcp.answer({ arguments: { a: () => {} } }), TypeError);
  await assert.rejects(client.mcp.answer(), { code: 'invalid_request' });
});
