'use strict';

// Terminates workers that have a client open and a call in flight, and ends once their descriptors are given back.

const fs = require('node:fs');
const { setImmediate } = require('node:timers/promises');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { Client } = require('descope-conn');

const descriptors = () => fs.readdirSync('/proc/self/fd').length;

async function terminateOne() {
  const worker = new Worker(__filename, { workerData: JSON.parse(process.argv[2]) });
  await new Promise((resolve) => worker.once('message', resolve));
  await worker.terminate();
}

async function main() {
  await terminateOne(); // what is opened once for all of them
  const before = descriptors();
  for (let i = 0; i < 8; i++) await terminateOne();
  // Less than one more for each.
  while (descriptors() >= before + 8) await setImmediate();
  console.log('given back');
}

if (isMainThread) {
  main();
} else {
  const client = new Client(workerData);
  client.describe().then(() => {
    client.fetchToken({ appId: 'held-for-good', userId: 'u1' });
    parentPort.postMessage('it has a call in flight');
  });
}
