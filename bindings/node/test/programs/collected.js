'use strict';

// Drops clients without closing them, and ends when the collector has given their descriptors back.
// The first argument is the clients' configuration. Needs --expose-gc.

const fs = require('node:fs');
const { setImmediate: turn } = require('node:timers/promises');
const { Client } = require('descope-conn');

const config = JSON.parse(process.argv[2]);
const descriptors = () => fs.readdirSync('/proc/self/fd').length;

async function use() {
  return (await new Client(config).fetchToken({ appId: 'mail', userId: 'u1' })).id;
}

async function main() {
  await use();
  const before = descriptors();
  await Promise.all(Array.from({ length: 20 }, use));
  while (descriptors() > before) {
    global.gc();
    await turn();
  }
  console.log('collected');
}

main();
