// A fetch from Node, in rounds: `fetch.js ours|undici|agent CONFIG`. undici is what Node's own fetch is, with its pool of kept
// connections; agent is Node's older module, which is leaner.
'use strict';
const { serve } = require('./rounds.js');

const request = { appId: 'crm', userId: 'user 7' };

async function ours(config) {
  const { Client } = require('../../bindings/node');
  const client = new Client(config);
  await serve(() => client.fetchToken(request));
  await client.close();
}

const path = '/v1/mgmt/outbound/app/user/token/latest';

const headersOf = (config) => ({
  authorization: `Bearer ${config.projectId}:${config.managementKey}`,
  'content-type': 'application/json',
});

async function undici(config) {
  const headers = headersOf(config);
  await serve(async () => {
    const response = await fetch(config.baseUrl + path, { method: 'POST', headers, body: JSON.stringify(request) });
    if (response.status !== 200) throw new Error(`status ${response.status}`);
    return (await response.json()).token;
  });
}

async function agent(config) {
  const http = require(config.baseUrl.startsWith('https:') ? 'node:https' : 'node:http');
  const options = { method: 'POST', headers: headersOf(config), agent: new http.Agent({ keepAlive: true }) };
  const exchange = (resolve, reject) => {
    const sent = http.request(config.baseUrl + path, options, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve(JSON.parse(Buffer.concat(parts).toString()).token));
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(request));
  };
  await serve(() => new Promise(exchange));
  options.agent.destroy();
}

const [which, config] = process.argv.slice(2);
({ ours, undici, agent })[which](JSON.parse(config));
