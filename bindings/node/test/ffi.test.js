'use strict';

// The FFI that this Node brings, or the package's addon: the same statements hold for both.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const fs = require('node:fs');
const { test } = require('node:test');
const { Worker } = require('node:worker_threads');
const { atTeardown, open, toBuffer, toString } = require('../lib/ffi.js');

const libc = open(null, {
  abs: { arguments: ['int32'], return: 'int32' },
  htonl: { arguments: ['uint32'], return: 'uint32' },
  strnlen: { arguments: ['buffer', 'uint64'], return: 'uint64' },
  strchr: { arguments: ['pointer', 'int32'], return: 'pointer' },
  memcpy: { arguments: ['buffer', 'buffer', 'uint64'], return: 'pointer' },
  free: { arguments: ['pointer'], return: 'void' },
});

/** The two ends of a pipe. */
function pipe() {
  const ends = new Int32Array(2);
  open(null, { pipe: { arguments: ['buffer'], return: 'int32' } }).pipe(ends);
  return [...ends];
}

const hello = Buffer.from('hello\0');

test('numbers go in and come out whole', () => {
  assert.equal(libc.abs(-2147483647), 2147483647);
  assert.equal(libc.htonl(0xFF), 0xFF000000);
  assert.equal(libc.strnlen(hello, 0xFFFFFFFFFFFFFFFFn), 5n);
  assert.equal(libc.free(null), undefined);
});

test('a view lends its own part of its memory', () => {
  const bytes = new Uint8Array(4);
  const words = new BigUint64Array(bytes.buffer.byteLength);
  libc.memcpy(bytes.subarray(1), hello, 2n);
  assert.deepEqual([...bytes], [0, 104, 101, 0]);
  libc.memcpy(words.subarray(1, 2), new BigUint64Array([7n]).buffer, 8n);
  libc.memcpy(new DataView(words.buffer, 16), words.subarray(1), 8n);
  assert.deepEqual([...words], [0n, 7n, 7n, 0n]);
});

test('bytes are copied from an address', () => {
  const found = libc.strchr(hello, 'l'.charCodeAt(0));
  assert.equal(typeof found, 'bigint');
  assert.equal(toString(found), 'llo');
  const copy = toBuffer(found, 2);
  assert.equal(copy.toString(), 'll');
  copy.fill(0);
  assert.equal(hello.toString(), 'hello\0');
  assert.equal(libc.strchr(hello, 'x'.charCodeAt(0)), 0n);
  assert.equal(toString(0n), null);
});

test('what is left to do at the end of a thread is done, unless it was called off', async () => {
  const [read, write] = pipe();
  const program = `
    const { atTeardown, open } = require(${JSON.stringify(require.resolve('../lib/ffi.js'))});
    const { close } = open(null, { close: { arguments: ['int32'], return: 'int32' } });
    atTeardown(close, ${write});
    atTeardown(close, ${read})();
    require('node:worker_threads').parentPort.on('message', () => {}).postMessage('ready');`;
  const worker = new Worker(program, { eval: true });
  await once(worker, 'message');
  await worker.terminate();
  assert.equal(fs.readSync(read, Buffer.alloc(1)), 0, 'the other end is closed');
  fs.closeSync(read);
});

for (
  const [what, call] of Object.entries({
    'another function to be called at the end': () => atTeardown(() => {}, 1),
    'a pointer for what is called at the end': () => atTeardown(libc.free, null),
    'too few arguments for what is called at the end': () => atTeardown(libc.abs),
    'a string for an int32': () => libc.abs('1'),
    'a fraction for an int32': () => libc.abs(1.5),
    'an int32 that is too large': () => libc.abs(2 ** 31),
    'a bigint for an int32': () => libc.abs(1n),
    'a negative uint32': () => libc.htonl(-1),
    'a negative uint64': () => libc.strnlen(hello, -1n),
    'a uint64 that is too large': () => libc.strnlen(hello, 2n ** 64n),
    'NaN for a uint64': () => libc.strnlen(hello, NaN),
    'a number for a pointer': () => libc.free(0),
    'an object for a pointer': () => libc.free({}),
    'a negative address': () => libc.free(-1n),
    'too few arguments': () => libc.abs(),
    'too many arguments': () => libc.abs(1, 2),
    'a number for the address of a buffer': () => toBuffer(1, 1),
    'a negative length of a buffer': () => toBuffer(1n, -1),
    'a type that does not exist': () => open(null, { abs: { arguments: ['int33'], return: 'int32' } }),
    'arguments that are no array': () => open(null, { abs: { arguments: 'int32', return: 'int32' } }),
    'a path with a zero byte': () => open('libc.so.6\0', {}),
  })
) {
  test(`${what} is a TypeError`, () => {
    assert.throws(call, TypeError);
  });
}

test('a null address has no bytes to copy', () => {
  assert.throws(() => toBuffer(0n, 1));
});

test('a failure has the words of the loader', () => {
  assert.throws(() => open('/nowhere/libnothing.so', {}), /libnothing\.so.*No such file/);
  assert.throws(() => open(null, { no_such_function: { arguments: [], return: 'void' } }), /no_such_function/);
});

test('what a getter of a definition throws is passed on', () => {
  const definition = {
    arguments: [],
    get return() {
      throw new RangeError('mine');
    },
  };
  assert.throws(() => open(null, { getpid: definition }), new RangeError('mine'));
});
