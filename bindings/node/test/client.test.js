'use strict';

const assert = require('node:assert/strict');
const { getEventListeners, once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const util = require('node:util');
const { Worker } = require('node:worker_threads');
const { Client, ConnectionRequiredError, ConnError, Token } = require('descope-conn');
const { connectUrl, startDescope } = require('./support/descope.js');
const { run } = require('./support/run.js');

let descope;
let client;

before(async () => {
  descope = await startDescope();
  client = new Client(descope.config);
});

after(async () => {
  await client.close();
  descope.stop();
});

const user = { userId: 'u1' };

/** For assert.rejects: a ConnError with at least these properties. */
const failure = (expected) => (error) => {
  assert.ok(error instanceof ConnError, util.inspect(error));
  for (const [key, value] of Object.entries(expected)) assert.deepEqual(error[key], value, key);
  return true;
};

test('a typing mistake in an option is an error, and so is a string in place of fields', async () => {
  const fields = { appId: 'mail', ...user };
  await assert.rejects(
    client.fetchToken(fields, { timeout: 3 }),
    failure({ code: 'invalid_request', field: 'timeout' }),
  );
  await assert.rejects(client.apps.load('mail'), failure({ code: 'invalid_request', field: 'fields' }));
});

// What a call answers

test('a token is fetched', async () => {
  const token = await client.fetchToken({ appId: 'mail', ...user });
  assert.ok(token instanceof Token);
  assert.equal(token.accessToken, 'secret-of-mail');
  assert.equal(token.id, 'token-of-mail');
  assert.equal(token.appId, 'mail');
  assert.deepEqual(token.scopes, ['read']);
});

test('nothing that prints or copies a token shows its secrets', async () => {
  const token = await client.fetchToken({ appId: 'mail', ...user });
  const answer = await client.call('fetch', { appId: 'mail', ...user });
  assert.equal(answer.token.accessToken, 'secret-of-mail');
  for (
    const text of [
      util.inspect(token),
      util.inspect(answer, { depth: null, showHidden: true }),
      util.format('%s %o %O %j', token, token, token, token),
      JSON.stringify(answer),
      String(token),
      util.inspect({ ...token }),
      util.inspect(structuredClone(token)),
      util.inspect(client, { depth: null, showHidden: true }),
    ]
  ) {
    assert.doesNotMatch(text, /secret|management-key/);
  }
});

function openVault(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'descope-conn-'));
  const vault = new Client({ backend: 'vault', path: path.join(folder, 'vault.db'), key: { bytes: '0a'.repeat(32) } });
  t.after(() => {
    vault.close();
    fs.rmSync(folder, { recursive: true });
  });
  return vault;
}

test('what belongs to an API key is read and shown nowhere else', async (t) => {
  const vault = openVault(t);
  await vault.apps.create({
    id: 'jira',
    appType: 'apikey',
    credentials: [{ name: 'apiKey' }, { name: 'userName', secret: false }],
  });
  await vault.storeApiKey({ appId: 'jira', userId: 'u', apiKey: 'sk', credentials: { userName: 'bob' } });
  const token = await vault.fetchToken({ appId: 'jira', userId: 'u' });
  assert.deepEqual(token.credentials, { userName: 'bob' });
  assert.ok(![util.inspect(token, { depth: null, showHidden: true }), JSON.stringify(token)].join().includes('bob'));
});

test('no error, no log and no inspection of an answer shows what a provider quotes or what must not be printed', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'descope-conn-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const secret = 's3cr3t/with+slash==';
  const provider = http.createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const words = `cannot take ${request.headers.authorization} with ${body}`;
    response.writeHead(400, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: 'invalid_grant', error_description: words }));
  });
  await once(provider.listen(0, '127.0.0.1'), 'listening');
  t.after(() => provider.close());
  const url = `http://127.0.0.1:${provider.address().port}`;
  const vault = new Client({
    backend: 'vault',
    path: path.join(folder, 'vault.db'),
    key: { bytes: '0a'.repeat(32) },
    requireOpener: false,
    allowExport: true,
  });
  t.after(() => vault.close());
  await vault.apps.create({
    id: 'crm',
    clientId: 'c',
    clientSecret: secret,
    authorizationUrl: `${url}/authorize`,
    tokenUrl: `${url}/token`,
  });
  const { url: connectUrl } = await vault.connect({
    appId: 'crm',
    ...user,
    options: { redirectUrl: 'https://a.example/' },
  });
  const state = new URL(connectUrl).searchParams.get('state');
  const error = await vault.complete({ state, code: '4/0AX+c0de==' }).then(assert.fail, (reason) => reason);
  assert.ok(error instanceof ConnError);
  assert.equal(error.errorDescription, '(withheld: it repeats a secret)');
  const basic = Buffer.from(`c:${encodeURIComponent(secret)}`).toString('base64');
  for (const text of [util.inspect(error), JSON.stringify(error), String(error), error.stack]) {
    for (const form of [secret, encodeURIComponent(secret), basic, 'c0de']) assert.ok(!text.includes(form), text);
  }

  await vault.storeToken({ appId: 'crm', ...user, refreshToken: 'secret-refresh' });
  const exported = await vault.exportTokens({});
  assert.doesNotMatch(util.inspect(exported, { depth: null, showHidden: true }), /secret-refresh/);
  assert.doesNotMatch(util.format('%o %O', exported, exported), /secret-refresh/);
  assert.equal(JSON.parse(JSON.stringify(exported)).tokens[0].refreshToken, 'secret-refresh');
  assert.deepEqual(await vault.storeTokens({ tokens: exported.tokens }), { failures: [] });
});

test('an operation without a method of its own is called by name', async () => {
  const { operations } = await client.call('describe');
  assert.deepEqual(operations, (await client.describe()).operations);
});

test('a list comes in pages, and all are gone through', async (t) => {
  const vault = openVault(t);
  await vault.apps.create({ id: 'a', appType: 'apikey' });
  for (const number of [1, 2, 3, 4, 5]) await vault.storeApiKey({ appId: 'a', userId: `u${number}`, apiKey: 'k' });
  const { tokens, next, total } = await vault.listTokens({ appId: 'a', limit: 3, count: true });
  assert.deepEqual([tokens.length, total], [3, 5]);
  const rest = await vault.listTokens({ appId: 'a', after: next });
  assert.deepEqual([rest.tokens.length, rest.next, rest.total], [2, undefined, undefined]);
  const all = [];
  for await (const token of vault.listAll({ appId: 'a', limit: 2 })) all.push(token);
  assert.deepEqual(all, [...tokens, ...rest.tokens]);
});

test('the audit says who asked, by the options or by the fields', async (t) => {
  const vault = openVault(t);
  await vault.apps.create({ id: 'a' }, { actor: 'by-options' });
  await vault.apps.create({ id: 'b', actor: 'by-fields' });
  await vault.apps.create({ id: 'c', actor: 'by-fields' }, { timeoutMs: 10_000 });
  await vault.apps.create({ id: 'd', actor: 'by-fields' }, { actor: 'by-options' });
  await vault.apps.create({ id: 'e' });
  await vault.keys.add({ actor: 'by-options' });
  const { records } = await vault.audit.list();
  assert.deepEqual(records.map(({ actor }) => actor), [
    'by-options',
    'by-fields',
    'by-fields',
    'by-options',
    undefined,
    'by-options',
  ]);
});

test('the audit is listed in pages and verified', async (t) => {
  const vault = openVault(t);
  for (const id of ['a', 'b', 'c']) await vault.apps.create({ id });
  const first = await vault.audit.list({ limit: 2 });
  const rest = await vault.audit.list({ limit: 2, after: first.next });
  assert.deepEqual([...first.records, ...rest.records].map(({ appId }) => appId), ['a', 'b', 'c']);
  assert.equal(rest.next, undefined);
  const { ok, verified, anchor } = await vault.audit.verify();
  assert.deepEqual([ok, verified], [true, 3]);
  await vault.apps.delete({ id: 'a' });
  assert.deepEqual((await vault.audit.list({ after: rest.end })).records.map(({ op }) => op), ['apps.delete']);
  assert.equal((await vault.audit.verify({ anchor })).verified, 4);
});

test('a connect URL is asked for', async () => {
  const options = { redirectUrl: 'https://app.example.com/done' };
  assert.deepEqual(await client.connect({ appId: 'mail', accessToken: 'token-of-the-user', options }), {
    url: connectUrl('mail'),
  });
});

// What a call refuses

test('a bad request names the field', async () => {
  await assert.rejects(client.fetchToken({ ...user }), failure({ code: 'invalid_request', field: 'appId' }));
  await assert.rejects(
    client.fetchToken({ appId: 'mail', ...user, userid: 'u1' }),
    failure({ code: 'invalid_request', field: 'userid' }),
  );
  await assert.rejects(client.call('no_such_operation'), failure({ code: 'invalid_request', field: 'op' }));
});

test('a number that JSON does not have is refused, not dropped', async () => {
  await assert.rejects(
    client.fetchToken({ appId: 'mail', ...user, minTtlSeconds: NaN }),
    failure({ code: 'invalid_request', field: 'minTtlSeconds' }),
  );
});

test('a time limit that is no time is refused', async () => {
  for (const timeoutMs of [-1, 1.5, 2 ** 32, Infinity, '5']) {
    await assert.rejects(
      client.fetchToken({ appId: 'mail', ...user }, { timeoutMs }),
      failure({ code: 'invalid_request', field: 'timeoutMs' }),
    );
  }
});

test('a bad configuration names the field', () => {
  assert.throws(() => new Client({ backend: 'cellar' }), failure({ code: 'invalid_config', field: 'backend' }));
});

test('the error of a server comes along', async () => {
  await assert.rejects(
    client.fetchToken({ appId: 'missing', ...user }),
    failure({
      code: 'not_found',
      httpStatus: 404,
      errorCode: 'E111504',
      errorDescription: 'Token not found',
    }),
  );
  await assert.rejects(
    client.fetchToken({ appId: 'busy', ...user }),
    failure({
      code: 'rate_limited',
      httpStatus: 429,
      retryAfterMs: 7000,
    }),
  );
});

test('a fetch that needs a grant first says where to give it', async () => {
  const connect = { redirectUrl: 'https://app.example.com/done' };
  await assert.rejects(
    client.fetchToken({ appId: 'missing', ...user, accessToken: 'token-of-the-user', connect }),
    (error) => {
      assert.ok(error instanceof ConnectionRequiredError, util.inspect(error));
      assert.equal(error.connectionUrl, connectUrl('missing'));
      assert.equal(error.appId, 'missing');
      assert.equal(error.toJSON().requiresConnection, true);
      return true;
    },
  );
});

test('an error leads back to the call in the program', async () => {
  await assert.rejects(client.fetchToken({}), (error) => error.stack.includes(path.basename(__filename)));
});

// Time

test('calls are answered in the order in which they finish', async () => {
  const order = [];
  const first = client.fetchToken({ appId: 'held-first', ...user }).then((token) => order.push(token.appId));
  await descope.received('held-first');
  const second = client.fetchToken({ appId: 'second', ...user }).then((token) => order.push(token.appId));
  await second;
  descope.release('held-first');
  await first;
  assert.deepEqual(order, ['second', 'held-first']);
});

test('a call ends when its time is up', async () => {
  await assert.rejects(
    client.fetchToken({ appId: 'held-late', ...user }, { timeoutMs: 50 }),
    failure({ code: 'timeout' }),
  );
});

test('thousands of calls in flight need no thread each', async () => {
  const threads = () => fs.readdirSync('/proc/self/task').length;
  await client.fetchToken({ appId: 'mail', ...user });
  const before = threads();
  const calls = Array.from({ length: 2000 }, (_, i) => client.fetchToken({ appId: `app-${i}`, ...user }));
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, threads());
  }, 1);
  const tokens = await Promise.all(calls).finally(() => clearInterval(watch));
  assert.deepEqual(tokens.map((token) => token.accessToken), calls.map((_, i) => `secret-of-app-${i}`));
  // Node itself may start a thread or two meanwhile, and libcurl one to look up a name.
  assert.ok(most > 0 && most <= before + 4, `${before} threads before, ${most} meanwhile`);
});

// AbortSignal

test('an aborted call rejects with the reason, and the client goes on', async () => {
  const controller = new AbortController();
  const call = client.fetchToken({ appId: 'held-aborted', ...user }, { signal: controller.signal });
  await descope.received('held-aborted');
  controller.abort();
  await assert.rejects(call, { name: 'AbortError' });
  assert.equal((await client.fetchToken({ appId: 'mail', ...user })).appId, 'mail');
});

test('a signal of the caller keeps its own reason', async () => {
  const reason = new Error('changed my mind');
  const controller = new AbortController();
  const call = client.fetchToken({ appId: 'held-reason', ...user }, { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(call, reason);
  await assert.rejects(client.fetchToken({ appId: 'mail', ...user }, { signal: controller.signal }), reason);
});

test('a signal with a time limit ends a call', async () => {
  const signal = AbortSignal.timeout(50);
  await assert.rejects(client.fetchToken({ appId: 'held-signal', ...user }, { signal }), { name: 'TimeoutError' });
});

test('a finished call leaves nothing behind on its signal', async () => {
  const { signal } = new AbortController();
  const listeners = () => getEventListeners(signal, 'abort').length;
  const call = client.fetchToken({ appId: 'mail', ...user }, { signal });
  assert.equal(listeners(), 1);
  await call;
  await null;
  assert.equal(listeners(), 0);
});

// The end

test('close cancels what is in flight and refuses what comes later', async () => {
  const closed = new Client(descope.config);
  const call = closed.fetchToken({ appId: 'held-closed', ...user });
  const rejected = assert.rejects(call, failure({ code: 'cancelled' }));
  await descope.received('held-closed');
  await closed.close();
  await rejected;
  await assert.rejects(closed.fetchToken({ appId: 'mail', ...user }), failure({ code: 'invalid_request' }));
  await closed.close();
});

test('a client that was never used closes', async () => {
  await new Client(descope.config).close();
});

test('Symbol.dispose closes at once', async () => {
  const disposed = new Client(descope.config);
  const call = disposed.fetchToken({ appId: 'held-disposed', ...user });
  const rejected = assert.rejects(call, failure({ code: 'cancelled' }));
  await descope.received('held-disposed');
  disposed[Symbol.dispose]();
  await rejected;
  await assert.rejects(disposed.describe(), failure({ code: 'invalid_request' }));
  disposed[Symbol.dispose]();
});

test('Symbol.asyncDispose closes as close does', async () => {
  const disposed = new Client(descope.config);
  const call = disposed.fetchToken({ appId: 'held-async', ...user });
  const rejected = assert.rejects(call, failure({ code: 'cancelled' }));
  await descope.received('held-async');
  await disposed[Symbol.asyncDispose]();
  await rejected;
});

test('a closed client gives its descriptors back', async () => {
  const descriptors = () =>
    fs.readdirSync('/proc/self/fd').map((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return ''; // the descriptor of readdir itself
      }
    }).filter((target) => target.startsWith('pipe:')).length;
  const before = descriptors();
  for (let i = 0; i < 10; i++) {
    const used = new Client(descope.config);
    await used.describe();
    await used.close();
  }
  await new Promise(setImmediate);
  assert.equal(descriptors(), before);
});

test('a program ends by itself when nothing is in flight', async () => {
  const { code, stdout } = await run('idle.js', { args: [JSON.stringify(descope.config)] });
  assert.equal(stdout, 'token-of-mail\n');
  assert.equal(code, 0);
});

test('a client that nobody holds is closed', async () => {
  const { code, stdout, stderr } = await run('collected.js', {
    flags: ['--expose-gc'],
    args: [JSON.stringify(descope.config)],
  });
  assert.equal(stdout, 'collected\n', stderr);
  assert.equal(code, 0);
});

test('worker threads have clients of their own', async () => {
  const file = path.join(__dirname, 'programs', 'worker.js');
  const ids = await Promise.all(['a', 'b', 'c'].map(async (appId) => {
    const worker = new Worker(file, { workerData: { config: descope.config, appId } });
    const [[id], [code]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
    assert.equal(code, 0);
    return id;
  }));
  assert.deepEqual(ids, ['token-of-a', 'token-of-b', 'token-of-c']);
});

test('a worker that is terminated amid a call harms nobody', async () => {
  const file = path.join(__dirname, 'programs', 'worker.js');
  const worker = new Worker(file, { workerData: { config: descope.config, appId: 'held-worker' } });
  await descope.received('held-worker');
  await worker.terminate();
  assert.equal((await client.fetchToken({ appId: 'mail', ...user })).appId, 'mail');
});

test('workers that are terminated leave nothing open', async () => {
  const { stdout } = await run('terminated.js', { args: [JSON.stringify(descope.config)] });
  assert.equal(stdout, 'given back\n');
});
