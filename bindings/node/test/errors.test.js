'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { ConnectionRequiredError, DescopeConnError, errorCodes } = require('descope-conn');
const { errorFrom } = require('../lib/errors.js');

test('an error has every field the library gave', () => {
  const fields = { code: 'rate_limited', retryAfterMs: 7, httpStatus: 429 };
  const error = errorFrom(-6, { error: { ...fields, message: 'slow down' } });
  assert.ok(error instanceof DescopeConnError && error instanceof Error);
  assert.equal(error.message, 'slow down');
  assert.deepEqual({ ...error }, fields);
  assert.match(error.stack, /^DescopeConnError: slow down/);
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
  assert.ok(error instanceof ConnectionRequiredError && error instanceof DescopeConnError);
  assert.equal(error.name, 'ConnectionRequiredError');
  assert.equal(error.connectionUrl, fields.connectionUrl);
  assert.deepEqual(JSON.parse(JSON.stringify(error)), { error: 'connection_required', ...fields });
});

test('only connection_required has a class of its own', () => {
  for (const code of errorCodes) {
    const Class = code === 'connection_required' ? ConnectionRequiredError : DescopeConnError;
    assert.equal(errorFrom(-6, { error: { code, message: '' } }).constructor, Class);
  }
});

test('a code or a status of a later library is an error as it is', () => {
  assert.equal(errorFrom(-6, { error: { code: 'brand_new', message: 'x' } }).code, 'brand_new');
  assert.equal(errorFrom(-99).code, 'internal');
  assert.equal(errorFrom(-8).message, 'Out of memory');
});
