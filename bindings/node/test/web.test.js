'use strict';

// The pages and the API over Node's http and over fetch's Request; what they say is tested in Swift.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { Client } = require('descope-conn');
const { apiFetchHandler, apiHandler, fetchHandler, handler } = require('descope-conn/web');

const PROJECT = 'P2testtesttesttesttesttest01';
const ORIGIN = 'https://app.example';
const signer = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });

let folder;
let client;

before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'web-'));
  client = new Client({
    backend: 'vault',
    path: path.join(folder, 'vault.db'),
    key: { bytes: '5a'.repeat(32) },
    api: {
      projectId: PROJECT,
      issuers: [{ issuer: 'https://idp.example', jwks: { keys: [signer.publicKey.export({ format: 'jwk' })] } }],
      origins: [ORIGIN],
    },
  });
  await client.apps.create({ id: 'weather', name: 'Weather', appType: 'apikey' });
});

after(async () => {
  await client.close();
  fs.rmSync(folder, { recursive: true });
});

const session = (request) => {
  const cookie = request.headers.get?.('cookie') ?? request.headers.cookie ?? '';
  const user = /user=(\w+)/.exec(cookie)?.[1];
  return Promise.resolve(user && { userId: user });
};

/** Serves the pages by http. What comes before the handler may change the request, and takes the mount off its path. */
async function served(run, before) {
  const server = http.createServer(async (request, response) => {
    await before(request);
    await listener(request, response, (error) => response.writeHead(599).end(String(error)));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const listener = handler(client, { base: `${origin}/c`, session });
  try {
    await run(origin, (target, options) => fetch(origin + target, { redirect: 'manual', ...options }));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function bytesOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What parsers of bodies leave behind. */
const parsers = {
  form: async (request) => Object.fromEntries(new URLSearchParams((await bytesOf(request)).toString())),
  text: async (request) => (await bytesOf(request)).toString(),
  bytes: bytesOf,
  nothing: () => ({}),
};

/** Each way to serve the pages: a function that sends a request, as a browser does. */
const ways = {
  http: (run) => served(run, (request) => request),
  async fetch(run) {
    const origin = 'https://app.example.com';
    const answer = fetchHandler(client, { base: `${origin}/c`, session });
    await run(origin, (target, options) => answer(new Request(origin + target, options)));
  },
};

for (const [name, parse] of Object.entries(parsers)) {
  ways[`http behind a framework that parses ${name}`] = (run) =>
    served(run, async (request) => {
      request.url = request.url.slice('/c'.length) || '/';
      if (request.method === 'POST') request.body = await parse(request);
    });
}

for (const [name, serve] of Object.entries(ways)) {
  test(`over ${name}, a user stores a key by the form`, () =>
    serve(async (origin, send) => {
      const headers = { cookie: 'user=alice' };
      const page = await send('/c/key?app=weather', { headers });
      assert.equal(page.status, 200);
      assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8');
      const form = /name="form" value="([^"]+)"/.exec(await page.text())[1];
      const posted = await send('/c/key?app=weather', {
        method: 'POST',
        headers: { ...headers, origin },
        body: new URLSearchParams({ form, key: `sk-${name}` }),
      });
      assert.equal(posted.status, 303);
      assert.equal(posted.headers.get('location'), `${origin}/c/connected?app=weather`);
      assert.equal((await client.fetchToken({ appId: 'weather', userId: 'alice' })).accessToken, `sk-${name}`);
    }));

  test(`over ${name}, nobody is nobody`, () =>
    serve(async (_, send) => {
      assert.equal((await send('/c/', {})).status, 401);
      assert.equal((await send('/c/nope%', {})).status, 404);
    }));

  test(`over ${name}, a body that has no end is not read to its end`, () =>
    serve(async (origin, send) => {
      const answer = await send('/c/key?app=weather', {
        method: 'POST',
        headers: { cookie: 'user=alice', origin, 'content-type': 'application/x-www-form-urlencoded' },
        body: 'x'.repeat(1 << 20),
      }).catch((error) => error);
      // A server that stops reading may end the connection before its answer is read.
      assert.ok(answer instanceof Error || answer.status === 413, String(answer));
      assert.equal((await send('/c/', { headers: { cookie: 'user=bob' } })).status, 200);
    }));
}

test("what fails in the session is the framework's", async () => {
  const failing = handler(client, {
    base: 'https://app.example.com/c',
    session() {
      throw new Error('no session store');
    },
  });
  const errors = [];
  await failing({ method: 'GET', url: '/', headers: {} }, {}, (error) => errors.push(error.message));
  assert.deepEqual(errors, ['no session store']);
});

// --- The API ---

function jwt(claims) {
  const exp = Math.floor(Date.now() / 1000) + 600;
  const parts = [{ alg: 'ES256' }, { iss: 'https://idp.example', exp, ...claims }];
  const signed = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const key = { key: signer.privateKey, dsaEncoding: 'ieee-p1363' };
  return `${signed}.${crypto.sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
}

const bearer = (credential) => ({ authorization: `Bearer ${PROJECT}:${credential}` });

/** Serves the API by http. What comes before the handler may change the request. */
async function servedApi(api, run, before) {
  const listener = apiHandler(client, api);
  const server = http.createServer(async (request, response) => {
    await before(request);
    await listener(request, response, (error) => response.writeHead(599).end(String(error)));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await run((target, options) => fetch(`http://127.0.0.1:${server.address().port}${target}`, options));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** Each way to serve the API: a function that sends a request, from 127.0.0.1. */
const apiWays = {
  http: (run, api) => servedApi(api, run, () => {}),
  'http behind a parser of JSON': (run, api) =>
    servedApi(api, run, async (request) => {
      if (request.method === 'POST') request.body = JSON.parse((await bytesOf(request)).toString());
    }),
  async fetch(run, api) {
    const answer = apiFetchHandler(client, api);
    await run((target, options) =>
      answer(new Request(`https://conn.example${target}`, options), { address: '127.0.0.1' })
    );
  },
};

const fetchOf = (userId, headers) => ['/v1/mgmt/outbound/app/user/token/latest', {
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify({ appId: 'weather', userId }),
}];

for (const [name, serve] of Object.entries(apiWays)) {
  test(`over ${name}, a management key and a JWT are known`, () =>
    serve(async (send) => {
      await client.storeApiKey({ appId: 'weather', userId: 'zoe', apiKey: 'sk-zoe' });
      const { id, key } = await client.managementKeys.create({ name: 'tests' });
      const tokenOf = async (headers) => {
        const answer = await send(...fetchOf('zoe', headers));
        return answer.ok ? (await answer.json()).token.accessToken : answer.status;
      };
      assert.equal(await tokenOf(bearer(key)), 'sk-zoe');
      assert.equal(await tokenOf(bearer(jwt({ sub: 'zoe' }))), 'sk-zoe');
      assert.equal(await tokenOf({ authorization: `Bearer ${jwt({ sub: 'zoe' })}` }), 'sk-zoe');
      assert.equal(await tokenOf(bearer(jwt({ sub: 'bob' }))), 403);
      assert.equal(await tokenOf(bearer(jwt({ sub: 'zoe', exp: 1 }))), 401);
      assert.equal(await tokenOf({}), 401);
      await client.managementKeys.delete({ id });
      assert.equal(await tokenOf(bearer(key)), 401);
    }));

  test(`over ${name}, a key may be for some addresses`, () =>
    serve(async (send) => {
      for (const [network, status] of [['127.0.0.0/8', 200], ['192.0.2.0/24', 401]]) {
        const { key } = await client.managementKeys.create({ name: 'n', addresses: [network] });
        assert.equal((await send('/v1/mgmt/license', { headers: bearer(key) })).status, status);
      }
    }));

  test(`over ${name}, whatever a header holds is an answer`, () =>
    serve(async (send) => {
      for (const authorization of ['Bearer', 'Bearer a\t:\tb', 'Bearer \x80\xff', `Bearer ${'x'.repeat(12_000)}`]) {
        const answer = await send('/v1/mgmt/license', { headers: { authorization } });
        assert.equal(answer.status, 401);
        assert.equal((await answer.json()).errorCode, 'E011008');
      }
    }));

  test(`over ${name}, the host may know who asks`, () =>
    serve(async (send) => {
      await client.storeApiKey({ appId: 'weather', userId: 'yan', apiKey: 'sk-yan' });
      assert.equal((await send(...fetchOf('yan'))).status, 200);
      assert.equal((await send(...fetchOf('bob'))).status, 403);
    }, { caller: () => Promise.resolve({ userId: 'yan' }) }));
}

for (const [name, serve] of Object.entries(apiWays)) {
  test(`over ${name}, a trace goes on to the provider`, async () => {
    const traces = [];
    const provider = http.createServer((request, response) => {
      traces.push(request.headers.traceparent);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ access_token: 'at', token_type: 'bearer', expires_in: 60 }));
    });
    await new Promise((resolve) => provider.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${provider.address().port}`;
    const appId = crypto.randomUUID();
    const traceparent = `00-${crypto.randomBytes(16).toString('hex')}-00f067aa0ba902b7-01`;
    try {
      await client.apps.create({
        id: appId,
        clientId: 'c',
        clientSecret: 's',
        authorizationUrl: `${url}/a`,
        tokenUrl: `${url}/t`,
      });
      await client.storeToken({ appId, userId: 'zoe', accessToken: 'old', refreshToken: 'rt' });
      await serve(async (send) => {
        const [path, options] = fetchOf('zoe', { traceparent });
        const body = JSON.stringify({ appId, userId: 'zoe', options: { forceRefresh: true } });
        assert.equal((await send(path, { ...options, body })).status, 200);
      }, { caller: () => ({ userId: 'zoe' }) });
      assert.deepEqual(traces, [traceparent]);
    } finally {
      provider.closeAllConnections();
      provider.close();
    }
  });
}

/** A browser's fetch does not send these, and Node's does not either. */
test('a browser signs in by its cookie, from an origin of the config', async () => {
  const answer = apiHandler(client);
  const ask = async (headers, method = 'GET') => {
    const request = { method, url: '/v1/mgmt/outbound/apps', headers, async *[Symbol.asyncIterator]() {} };
    const response = { writeHead: (status, sent) => Object.assign(response, { status, sent }), end() {} };
    await answer(request, response);
    return response;
  };
  const session = jwt({ sub: 'alice' });
  for (const cookie of [`DS=${session}`, `a=b; DS=${session}; c`, `theme={"dark":true};DS=${session}`]) {
    const { status, sent } = await ask({ cookie, origin: ORIGIN });
    assert.equal(status, 200);
    assert.equal(sent['access-control-allow-origin'], ORIGIN);
    assert.equal(sent['access-control-allow-credentials'], 'true');
    const other = await ask({ cookie, origin: 'https://evil.example' });
    assert.equal(other.status, 401);
    assert.equal(other.sent['access-control-allow-origin'], undefined);
    assert.equal((await ask({ cookie })).status, 401);
  }
  for (const cookie of [`DSR=${session}`, `xDS=${session}`, 'DS=', 'DS', '']) {
    assert.equal((await ask({ cookie, origin: ORIGIN })).status, 401);
  }
  const preflight = await ask({ origin: ORIGIN }, 'OPTIONS');
  assert.equal(preflight.status, 204);
  assert.equal(preflight.sent['content-length'], undefined);
  assert.match(preflight.sent['access-control-allow-headers'], /x-descope-sdk-name/);
});
