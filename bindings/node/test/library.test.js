'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { buildInfo, ConnError } = require('descope-conn');
const { checkAbi } = require('../lib/library.js');
const { nativeFolder } = require('../lib/ffi.js');
const { run } = require('./support/run.js');

test('a library that is not there is an error with its path and the words of the loader', async () => {
  const { stdout } = await run('open.js', { env: { DESCOPE_CONN_LIBRARY: '/nowhere/libdescope_conn.so' } });
  const error = JSON.parse(stdout);
  assert.equal(error.name, 'MisconfiguredError');
  assert.equal(error.code, 'misconfigured');
  assert.match(error.message, /\/nowhere\/libdescope_conn\.so: .*cannot open shared object file: No such file/);
  assert.doesNotMatch(error.message, /native/, 'a chosen library is the only one that is tried');
});

test('some other library is an error that names what it lacks', async () => {
  const { stdout } = await run('open.js', { env: { DESCOPE_CONN_LIBRARY: 'libc.so.6' } });
  assert.match(JSON.parse(stdout).message, /libc\.so\.6: .*descope_conn_abi/);
});

test('without a choice, the copy in the package and the system are tried, in this order', async (t) => {
  const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'descope-conn-'));
  t.after(() => fs.rmSync(copy, { recursive: true }));
  const native = path.join(copy, path.relative(path.join(__dirname, '..'), nativeFolder));
  fs.cpSync(path.join(__dirname, '..', 'lib'), path.join(copy, 'lib'), { recursive: true });
  fs.cpSync(path.join(nativeFolder, 'ffi.node'), path.join(native, 'ffi.node'));
  // Not a library, so that the search goes on to the system, where there is none either on a build machine.
  fs.writeFileSync(path.join(native, 'libdescope_conn.so.1'), 'not a library');
  const program = path.join(copy, 'open.js');
  fs.writeFileSync(
    program,
    fs.readFileSync(path.join(__dirname, 'programs', 'open.js'), 'utf8')
      .replace("'descope-conn'", "'./lib/index.js'"),
  );

  const { stdout } = await run(program, { env: { DESCOPE_CONN_LIBRARY: '', LD_LIBRARY_PATH: '' } });
  const tried = JSON.parse(stdout).message.split('\n').filter((line) => line.startsWith('  '));
  assert.match(tried[0], /native\/linux-\w+\/libdescope_conn\.so\.1: .*(invalid ELF header|file too short)/);
  assert.match(tried[1], /^ {2}libdescope_conn\.so\.1: .*cannot open shared object file/);
  assert.equal(tried.length, 2);
});

test('the interface must have the same major version, and at least the minor one', () => {
  checkAbi(1_000_000);
  checkAbi(1_000_007);
  checkAbi(1_023_000);
  for (const version of [0, 999_999, 2_000_000, 2_001_000]) {
    assert.throws(
      () => checkAbi(version),
      (error) =>
        error instanceof ConnError && error.code === 'misconfigured' &&
        error.message.startsWith('it has version'),
    );
  }
});

test('the library says what it is', () => {
  const info = buildInfo();
  assert.equal(typeof info.version, 'string');
  assert.ok(info.backends.includes('cloud'));
});

test('import and require give the same classes', async () => {
  const imported = await import('descope-conn');
  const required = require('descope-conn');
  assert.deepEqual(Object.keys(imported).filter((name) => name !== 'default').sort(), Object.keys(required).sort());
  assert.equal(imported.Client, required.Client);
});
