// Uses clients in several processes or threads of Node, as the argument says.

'use strict';

const childProcess = require('node:child_process');
const cluster = require('node:cluster');
const { once } = require('node:events');
const { Worker, workerData } = require('node:worker_threads');
const { Client } = require(process.env.NODE_PATH);

const config = JSON.parse(process.env.CONFIG);

async function fetch() {
  const client = new Client(config);
  try {
    const { accessToken } = await client.fetchToken({ appId: 'crm', userId: 'alice' }, { timeoutMs: 2000 });
    return accessToken;
  } catch ({ code }) {
    return code;
  }
}

/** A child's whole work: it is told nothing, and closes nothing. */
async function tell() {
  console.log(process.pid);
  console.log(await fetch());
}

async function start(child) {
  const [status] = await once(child, 'exit');
  console.log(`the child has ended: ${status}`);
}

const acts = {
  async fork() {
    if (process.send) return tell();
    new Client(config); // of the parent alone
    await start(childProcess.fork(__filename, ['fork']));
  },

  async cluster() {
    if (cluster.isWorker) {
      await tell();
      return process.disconnect();
    }
    new Client(config);
    await start(cluster.fork());
  },

  /** The worker is terminated amid its call; the process goes on and waits for the refresh at its end. */
  async terminate() {
    if (workerData === 'worker') {
      new Client(config).fetchToken({ appId: 'crm', userId: 'alice' });
      return;
    }
    const worker = new Worker(__filename, { argv: ['terminate'], workerData: 'worker' });
    await once(process.stdin, 'data');
    console.log(await worker.terminate());
    const client = new Client(config);
    console.log((await client.listTokens({ userId: 'alice' })).tokens.length);
    process.stdin.destroy();
  },
};

const isChild = process.send !== undefined || workerData === 'worker';

acts[process.argv[2]]().then(() => {
  if (!isChild) console.log('ending');
});
