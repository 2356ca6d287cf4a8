// A fetch from Node, in rounds: `fetch.js ours|undici CONFIG`. undici is what Node's own fetch is, with its pool of kept
// connections.
'use strict';
const { serve } = require('./rounds.js');

const request = { appId: 'crm', userId: 'user 7' };

async function ours(config) {
  const { Client } = require('../../bindings/node');
  const client = new Client(config);
  await serve(() => client.fetchToken(request));
  await client.close();
}

async function undici(config) {
  const url = `${config.baseUrl}/v1/mgmt/outbound/app/user/token/latest`;
  const headers = {
    authorization: `Bearer ${config.projectId}:${config.managementKey}`,
    'content-type': 'application/json',
  };
  await serve(async () => {
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(request) });
    if (response.status !== 200) throw new Error(`status ${response.status}`);
    return (await response.json()).token;
  });
}

const [which, config] = process.argv.slice(2);
({ ours, undici })[which](JSON.parse(config));
