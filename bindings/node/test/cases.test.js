'use strict';

// The cases that every binding runs: Tests/cases/*.json, each file an array of
//   {"name", "open": {...}, "calls": [{"request": {"op", ...}, "answer": {...} | "error": {"code", ...}}]}
// An answer must have at least what the case names.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { Client, DescopeConnError } = require('descope-conn');

const folder = path.join(__dirname, '..', '..', '..', 'Tests', 'cases');
const files = fs.readdirSync(folder).filter((file) => file.endsWith('.json'));

function assertContains(actual, expected, where) {
  if (typeof expected !== 'object' || expected === null) return assert.equal(actual, expected, where);
  assert.ok(typeof actual === 'object' && actual !== null, `${where} is missing`);
  if (Array.isArray(expected)) assert.equal(actual.length, expected.length, `${where}.length`);
  for (const [key, value] of Object.entries(expected)) assertContains(actual[key], value, `${where}.${key}`);
}

test('there are cases', () => {
  assert.notEqual(files.length, 0);
});

for (const file of files) {
  for (const { name, open, calls } of JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8'))) {
    test(`${file}: ${name}`, async (t) => {
      const client = new Client(open);
      t.after(() => client.close());
      for (const { request: { op, ...fields }, answer, error } of calls) {
        if (error === undefined) {
          assertContains(await client.call(op, fields), answer, op);
        } else {
          await assert.rejects(client.call(op, fields), (thrown) => {
            assert.ok(thrown instanceof DescopeConnError, thrown.stack);
            assertContains(thrown, error, `${op}.error`);
            return true;
          });
        }
      }
    });
  }
}
