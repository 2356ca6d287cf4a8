'use strict';

// Run as a worker: fetches a token, posts its id, and ends without closing the client.

const { parentPort, workerData } = require('node:worker_threads');
const { Client } = require('descope-conn');

const client = new Client(workerData.config);
client.fetchToken({ appId: workerData.appId, userId: 'u1' }).then((token) => parentPort.postMessage(token.id));
