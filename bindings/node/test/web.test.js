'use strict';

// The pages over Node's http and over fetch's Request; what the pages say is tested in Swift.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { Client } = require('descope-conn');
const { fetchHandler, handler } = require('descope-conn/web');

let folder;
let client;

before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'web-'));
  client = new Client({ backend: 'vault', path: path.join(folder, 'vault.db'), key: { bytes: '5a'.repeat(32) } });
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
