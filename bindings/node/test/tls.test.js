'use strict';

// Whom the library trusts, with the release library inside Node, which exports an OpenSSL of its own.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, beforeEach, test } = require('node:test');
const { Client } = require('descope-conn');
const { makeCertificates, startDescope } = require('./support/tls.js');

let folder;

before(() => {
  folder = makeCertificates();
});
after(() => fs.rmSync(folder, { recursive: true }));
beforeEach(() => {
  delete process.env.SSL_CERT_FILE;
  delete process.env.SSL_CERT_DIR;
});

async function start(t, certificate) {
  const server = await startDescope(folder, certificate);
  t.after(() => server.stop());
  return server.config;
}

async function roundTrip(config) {
  const client = new Client(config);
  try {
    await client.apps.create({ id: 'notes', name: 'Notes', appType: 'apikey' });
    await client.storeApiKey({ appId: 'notes', userId: 'u', apiKey: 'an-api-key' });
    return (await client.fetchToken({ appId: 'notes', userId: 'u' })).accessToken;
  } finally {
    await client.close();
  }
}

const refused = { code: 'unavailable', message: /certificate/ };

test('the authority of the configuration', async (t) => {
  const config = await start(t, 'server');
  assert.equal(await roundTrip({ ...config, caFile: path.join(folder, 'ca.pem') }), 'an-api-key');
});

test('the authority of the environment', async (t) => {
  process.env.SSL_CERT_FILE = path.join(folder, 'ca.pem');
  assert.equal(await roundTrip(await start(t, 'server')), 'an-api-key');
});

test('an authority that nobody named is not trusted', async (t) => {
  await assert.rejects(roundTrip(await start(t, 'server')), refused);
});

for (const certificate of ['untrusted', 'expired', 'wrong-name']) {
  test(`a certificate that proves nothing is refused: ${certificate}`, async (t) => {
    const config = await start(t, certificate);
    await assert.rejects(roundTrip({ ...config, caFile: path.join(folder, 'ca.pem') }), refused);
  });
}
