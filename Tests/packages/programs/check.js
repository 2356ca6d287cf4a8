'use strict';

// What an installed package must do: a vault of its own, and Descope's cloud over TLS.

const assert = require('node:assert/strict');

module.exports = async function check({ Client }, vault, url, caFile) {
  const own = new Client({ backend: 'vault', path: vault, key: { bytes: '0a'.repeat(32) } });
  await own.apps.create({ id: 'notes', name: 'Notes', appType: 'apikey' });
  await own.storeApiKey({ appId: 'notes', userId: 'u', apiKey: 'an-api-key' });
  assert.equal((await own.fetchToken({ appId: 'notes', userId: 'u' })).accessToken, 'an-api-key');
  await own.close();

  const cloud = {
    backend: 'cloud',
    projectId: 'P2testtesttesttesttesttest01',
    managementKey: 'K2testmanagementkey',
    baseUrl: url,
    retry: { attempts: 1 },
  };
  const trusting = new Client({ ...cloud, caFile });
  assert.deepEqual(await trusting.apps.list(), { apps: [] });
  await trusting.close();
  const careful = new Client(cloud);
  await assert.rejects(careful.apps.list(), { code: 'unavailable' });
  await careful.close();
  console.log('ok');
};
