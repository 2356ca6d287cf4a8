'use strict';

// Holds the package against what the library says of itself: `describe` is the contract.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { Client, errorCodes } = require('descope-conn');
const { makeCertificates } = require('./support/tls.js');

// Never asked for anything: describe needs no server.
const config = { backend: 'cloud', projectId: 'P' + 'a'.repeat(27), managementKey: 'k', baseUrl: 'http://127.0.0.1:1' };
const types = ['index.d.ts', 'operations.d.ts']
  .map((name) => fs.readFileSync(path.join(__dirname, '..', 'lib', name), 'utf8')).join('\n');

let client;
let description;

before(async () => {
  client = new Client(config);
  description = await client.describe();
});

after(() => client.close());

/** The fields that an interface of index.d.ts and those it extends have, by name: whether each may be absent. */
function fieldsOfInterface(name) {
  const found = types.match(new RegExp(`^export interface ${name}(?: extends (\\w+))? \\{\\n(.*?)^\\}`, 'ms'));
  assert.ok(found, `interface ${name}`);
  const own = [...found[2].matchAll(/^ {2}(\w+)(\??):/gm)].map(([, field, optional]) => [field, optional === '?']);
  return { ...(found[1] && fieldsOfInterface(found[1])), ...Object.fromEntries(own) };
}

test("the error codes and reasons are the library's", () => {
  assert.deepEqual([...errorCodes].sort(), [...description.errorCodes].sort());
  for (const [name, values] of [['ErrorCode', description.errorCodes], ['Reason', description.reasons]]) {
    const [, union] = types.match(new RegExp(`^export type ${name} =(.*?);`, 'ms'));
    assert.deepEqual(union.match(/\w+/g).sort(), [...values].sort(), name);
  }
});

test('every operation has a method', async (t) => {
  const called = [];
  class Recorder extends Client {
    async call(op) {
      called.push(op);
      return {};
    }
  }
  const recorder = new Recorder(config);
  t.after(() => recorder.close());
  const { apps, audit, device, flows, keys, managementKeys, mcp, templates } = recorder;
  const operations = Object.getPrototypeOf(Client.prototype);
  for (const target of [recorder, apps, audit, device, flows, keys, managementKeys, mcp, templates]) {
    const methods = Object.getOwnPropertyNames(target === recorder ? operations : Object.getPrototypeOf(target));
    for (const name of methods) {
      if (name !== 'constructor') await target[name]({});
    }
  }
  assert.deepEqual(called.sort(), description.operations.map(({ op }) => op).sort());
});

test('the types have every field of every operation', () => {
  const typesByName = new Map(description.types.map((type) => [type.name, type]));
  const all = ({ fields, includes = [] }) => [...fields, ...includes.flatMap((name) => all(typesByName.get(name)))];
  for (const operation of description.operations) {
    const fields = all(operation);
    if (fields.length === 0) continue;
    const name = operation.op.replace(/(?:^|[._])(\w)/g, (_, letter) => letter.toUpperCase()) + 'Fields';
    const expected = Object.fromEntries(fields.map((field) => [field.name, !field.required]));
    assert.deepEqual(fieldsOfInterface(name), expected, name);
  }
});

test('the types have every setting that the manual lists', () => {
  const manual = fs.readFileSync(path.join(__dirname, '..', '..', '..', 'docs', 'configuration.md'), 'utf8');
  for (const [name, backend] of [['CloudConfig', 'cloud'], ['VaultConfig', 'vault'], ['PluginConfig', 'plugin']]) {
    const [section] = manual.split(`\n## \`${backend}\`\n`)[1].split('\n## ');
    const rows = [...section.matchAll(/^\| (`.*?`) \|/gm)].flatMap(([, row]) => row.match(/\w+(?:\.\w+)?/g));
    const listed = new Set(['backend', ...rows.map((field) => field.split('.')[0])]);
    assert.deepEqual(Object.keys(fieldsOfInterface(name)).sort(), [...listed].sort(), name);
  }
});

test('a vault takes all its settings together', async () => {
  const folder = makeCertificates();
  try {
    const vault = new Client({
      backend: 'vault',
      path: path.join(folder, 'vault.db'),
      key: { bytes: '0a'.repeat(32) },
      otherKeys: [{ bytes: '0b'.repeat(32) }],
      audit: 'all',
      auditDays: 30,
      allowExport: true,
      redirectUrl: 'https://app.example.com/callback',
      connectPageUrl: 'https://app.example.com/connect',
      connectTtlSeconds: 120,
      requireOpener: false,
      timeoutMs: 2500,
      allowPrivateAddresses: true,
      caFile: path.join(folder, 'ca.pem'),
      proxy: '',
    });
    assert.deepEqual((await vault.exportTokens({})).tokens, []);
    await vault.close();
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

/** What index.d.ts says of an interface's or a class's members, by name: their types as written. */
function typesOf(name) {
  const found = types.match(new RegExp(`^export (?:interface|class) ${name}(?: extends (.*?))? \\{\\n(.*?)^\\}`, 'ms'));
  assert.ok(found, name);
  const [, parents = '', body] = found;
  const own = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??: ([^\n]+);$/gm)].map(([, field, type]) => [field, type]);
  const inherited = parents.match(/\w+/g) ?? [];
  return Object.assign({}, ...inherited.map(typesOf), Object.fromEntries(own));
}

/** Each member of a real answer is declared, with the type it has. */
function assertDeclared(answer, name) {
  const declared = typesOf(name);
  for (const [field, value] of Object.entries(answer)) {
    const type = Array.isArray(value) ? /\[\]/ : typeof value === 'string' ? /string|'/ : new RegExp(typeof value);
    const said = declared[field] ?? 'nothing';
    const alias = types.match(new RegExp(`^export type ${said.replace(/\W/g, '')} = (.*);`, 'm'));
    assert.match(alias?.[1] ?? said, said === 'unknown' ? /unknown/ : type, `${name}.${field}`);
  }
}

test('real answers are as the types say', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'descope-conn-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const vault = new Client({
    backend: 'vault',
    path: path.join(folder, 'vault.db'),
    key: { bytes: '0a'.repeat(32) },
    allowPrivateAddresses: true,
  });
  t.after(() => vault.close());

  const settings = {
    id: 'google',
    name: 'Google',
    description: 'd',
    clientId: 'c',
    clientSecret: 's',
    pkce: true,
    accessType: 'offline',
    authorizationUrl: 'https://p.example/a',
    tokenUrl: 'https://p.example/t',
    defaultScopes: ['read'],
    authorizationUrlParams: [{ key: 'a', value: 'b' }],
    scopeSeparator: ' ',
  };
  assertDeclared((await vault.apps.create(settings)).app, 'App');
  assertDeclared((await vault.apps.list()).apps[0], 'App');
  await vault.storeToken({
    appId: 'google',
    userId: 'u',
    tenantId: 't',
    accessToken: 'at',
    refreshToken: 'rt',
    scopes: ['read'],
    accessTokenExpiry: 2147483647,
    externalIdentifier: 'e',
    grantedBy: 'g',
  });
  const token = await vault.fetchToken({ appId: 'google', userId: 'u', tenantId: 't', externalIdentifier: 'e' });
  assert.equal(token.accessTokenExpiry, 2147483647);
  assertDeclared(token, 'TokenDescription');
  assertDeclared((await vault.listTokens({ userId: 'u' })).tokens[0], 'TokenInfo');
  const { failures } = await vault.storeTokens({ tokens: [{ appId: 'none', userId: 'u', accessToken: 'at' }] });
  assertDeclared(failures[0], 'StoreFailure');
  for (const { fields } of description.operations) {
    for (const field of fields) assertDeclared(field, 'FieldDescription');
  }
});
