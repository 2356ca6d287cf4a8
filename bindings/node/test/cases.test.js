'use strict';

// The cases that every language runs: Tests/cases/*.json, see the README there.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { Client, ConnError } = require('descope-conn');

const cases = path.join(__dirname, '..', '..', '..', 'Tests', 'cases');
const files = fs.readdirSync(cases).filter((file) => file.endsWith('.json'));

/** One case: its folder, and what it has captured. */
class Run {
  #captured = new Map();

  constructor(folder) {
    this.folder = folder;
  }

  /** A config or request, with what its strings stand for in their place. */
  filledIn(value) {
    if (Array.isArray(value)) return value.map((element) => this.filledIn(element));
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, this.filledIn(member)]));
    }
    if (typeof value !== 'string' || !value.startsWith('$')) return value;
    if (value.startsWith('$TMP')) return this.folder + value.slice(4);
    return this.#captured.get(value.slice(1));
  }

  assertMatches(actual, expected, where) {
    if (expected === null) return assert.equal(actual ?? null, null, where);
    if (typeof expected !== 'object') return assert.equal(actual, this.filledIn(expected), where);
    if (expected.$capture !== undefined) {
      assert.notEqual(actual ?? null, null, `${where} is missing`);
      this.#captured.set(expected.$capture, actual);
      return;
    }
    assert.ok(typeof actual === 'object' && actual !== null, `${where} is missing`);
    assert.equal(Array.isArray(actual), Array.isArray(expected), where);
    if (Array.isArray(expected)) assert.equal(actual.length, expected.length, `${where}.length`);
    for (const [key, value] of Object.entries(expected)) this.assertMatches(actual[key], value, `${where}.${key}`);
  }

  assertError(thrown, expected, where) {
    assert.ok(thrown instanceof ConnError, thrown.stack);
    this.assertMatches(thrown, expected, where);
    return true;
  }
}

test('there are cases', () => {
  assert.notEqual(files.length, 0);
});

for (const file of files) {
  for (const { name, open, error, calls } of JSON.parse(fs.readFileSync(path.join(cases, file), 'utf8'))) {
    test(`${file}: ${name}`, async (t) => {
      const run = new Run(fs.mkdtempSync(path.join(os.tmpdir(), 'descope-conn-')));
      t.after(() => fs.rmSync(run.folder, { recursive: true }));
      const config = run.filledIn(open);
      if (error !== undefined) {
        assert.throws(() => new Client(config), (thrown) => run.assertError(thrown, error, 'open'));
        return;
      }
      const client = new Client(config);
      t.after(() => client.close());
      for (const [index, { request, answer, error }] of calls.entries()) {
        const { op, ...fields } = run.filledIn(request);
        const where = `calls[${index}] ${op}`;
        if (error === undefined) {
          run.assertMatches(await client.call(op, fields), answer, where);
        } else {
          await assert.rejects(client.call(op, fields), (thrown) => run.assertError(thrown, error, where));
        }
      }
    });
  }
}
