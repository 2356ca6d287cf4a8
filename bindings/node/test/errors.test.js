'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { ConnectionRequiredError, ConnError, errorCodes } = require('descope-conn');
const { errorFrom } = require('../lib/errors.js');

test('an error has every field the library gave', () => {
  const fields = { code: 'rate_limited', retryAfterMs: 7, httpStatus: 429 };
  const error = errorFrom(-6, { error: { ...fields, message: 'slow down' } });
  assert.ok(error instanceof ConnError && error instanceof Error);
  assert.equal(error.message, 'slow down');
  assert.deepEqual({ ...error }, fields);
  assert.match(error.stack, /^RateLimitedError: slow down/);
});

test('connection_required gives the structured answer for a tool', () => {
  const fields = {
    requiresConnection: true,
    connectionUrl: 'https://example.com/connect?x=1',
    appId: 'mail',
    missingScopes: ['send'],
    message: 'Please grant access',
  };
  const error = errorFrom(-6, { error: { code: 'connection_required', ...fields } });
  assert.ok(error instanceof ConnectionRequiredError && error instanceof ConnError);
  assert.equal(error.name, 'ConnectionRequiredError');
  assert.equal(error.connectionUrl, fields.connectionUrl);
  assert.deepEqual(JSON.parse(JSON.stringify(error)), { error: 'connection_required', ...fields });
});

test('every code has a class of its own, named after it, that both module systems export', async () => {
  const required = require('descope-conn');
  const imported = await import('descope-conn');
  for (const code of errorCodes) {
    const error = errorFrom(-6, { error: { code, message: '' } });
    const name = code.replace(/(?:^|_)(.)/g, (_, letter) => letter.toUpperCase()).replace(/(Error)?$/, 'Error');
    assert.equal(error.name, name);
    assert.equal(error.code, code);
    assert.equal(error.constructor, required[name]);
    assert.equal(error.constructor, imported[name]);
    assert.ok(error instanceof ConnError);
  }
});

test('what the binding refuses itself has the class of its code too', async () => {
  const { Client, InvalidConfigError, InvalidRequestError } = require('descope-conn');
  assert.throws(() => new Client({ backend: 'nowhere' }), InvalidConfigError);
  const client = new Client({ backend: 'cloud', projectId: 'P'.repeat(28), managementKey: 'K' });
  await assert.rejects(client.describe({ timeoutMs: NaN }), InvalidRequestError);
  await client.close();
  await assert.rejects(client.describe(), InvalidRequestError);
});

test('a code or a status of a later library is an error as it is', () => {
  assert.equal(errorFrom(-6, { error: { code: 'brand_new', message: 'x' } }).code, 'brand_new');
  assert.equal(errorFrom(-99).code, 'internal');
  assert.equal(errorFrom(-8).message, 'Out of memory');
});
