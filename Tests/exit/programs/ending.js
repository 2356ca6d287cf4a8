// Has a refresh in flight whose caller was told `timeout`, and ends as the argument says.

'use strict';

const readline = require('node:readline');
const { Client } = require(process.env.NODE_PATH);

const config = JSON.parse(process.env.CONFIG);
let client;

async function fetch() {
  client = new Client(config);
  try {
    await client.fetchToken({ appId: 'crm', userId: 'alice' }, { timeoutMs: 2000 });
  } catch ({ code }) {
    console.log(code);
  }
}

/** Answers what comes in, for as long as the event loop runs. */
function answerLines() {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', (line) => console.log(`the loop runs: ${line}`));
  return lines;
}

const endings = {
  async withoutClose() {
    await fetch();
  },

  async byProcessExit() {
    await fetch();
    console.log('ending');
    process.exit();
  },

  async byDispose() {
    await fetch();
    client[Symbol.dispose]();
  },

  async byClose() {
    await fetch();
    const lines = answerLines();
    console.log('closing');
    console.log(await client.close(), await client.close());
    lines.close();
  },

  /** Nothing but the close keeps the event loop going. */
  async byCloseAlone() {
    await fetch();
    console.log('closing');
    console.log(await client.close());
  },

  async byAsyncDispose() {
    await fetch();
    console.log('closing');
    await client[Symbol.asyncDispose]();
    console.log('closed');
  },

  async inAWorker() {
    const { Worker, isMainThread } = require('node:worker_threads');
    if (!isMainThread) return fetch();
    const worker = new Worker(__filename, { argv: ['inAWorker'] });
    await new Promise((resolve) => worker.once('exit', resolve));
  },

  async givenUp() {
    await fetch();
    console.log(await client.close({ waitMs: 0 }), await client.close());
  },

  async givenUpLater() {
    await fetch();
    const first = client.close();
    console.log(await client.close({ waitMs: 0 }), await first);
  },
};

endings[process.argv[2]]().then(() => console.log('ending'));
