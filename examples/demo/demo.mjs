// The main job from Node. Run by examples/demo/run, which starts the OAuth server.

import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, ConnectionRequiredError } from '../../bindings/node/lib/index.mjs';

const { DEMO_PROVIDER: provider, DEMO_REDIRECT_URL: redirectUrl, DEMO_VAULT: path, DEMO_PYTHON: python } = process.env;

const step = (words) => console.log(`  ${words}`);
const mask = (secret) => `${secret.slice(0, 3)}... (${secret.length} characters)`;
const run = (args, input = '') => execFileSync(python, args, { input, encoding: 'utf8' }).trim();
const callApi = (token) => run([process.env.DEMO_SERVICE, provider], token.accessToken);

/** Alice opens the URL, signs in and agrees. Gives the query with which she comes back. */
function openInBrowser(url) {
  const redirect = run([process.env.DEMO_USER, url, '--user', 'alice', '--password', 'alice-password']);
  assert(redirect.startsWith(redirectUrl), 'the browser ended up elsewhere');
  return Object.fromEntries(new URL(redirect).searchParams);
}

async function connectionRequired(client, scopes) {
  try {
    await client.fetchToken({ appId: 'crm', userId: 'alice', scopes, connect: { redirectUrl } });
  } catch (error) {
    if (error instanceof ConnectionRequiredError) return error;
    throw error;
  }
  return assert.fail('there is a token where none should be');
}

const client = new Client({ backend: 'vault', path, key: { env: 'DESCOPE_CONN_VAULT_KEY' }, redirectUrl });
try {
  await client.apps.create({
    id: 'crm',
    name: 'A CRM with OAuth',
    clientId: 'test-client',
    clientSecret: 'test-client-secret',
    authorizationUrl: `${provider}/authorize`,
    tokenUrl: `${provider}/token`,
    revocationUrl: `${provider}/revoke`,
    issuer: provider,
    defaultScopes: ['read'],
  });
  await client.apps.create({ id: 'weather', name: 'A weather service with API keys', appType: 'apikey' });
  step('made two connections: crm (OAuth) and weather (API keys)');

  let required = await connectionRequired(client, ['read']);
  step(`fetch: ${required.code}, reason ${required.reason}: ${required.connectionUrl.split('?')[0]}?...`);

  const { state, code, iss } = openInBrowser(required.connectionUrl);
  const grant = await client.complete({ state, code, iss, openedBy: { userId: 'alice' } });
  step(`complete: alice granted ${grant.scopes.join(' ')}`);

  const fresh = { appId: 'crm', userId: 'alice', scopes: ['read'], minTtlSeconds: 0 };
  const first = await client.fetchToken(fresh);
  step(`fetch: ${mask(first.accessToken)}; the API says: ${callApi(first)}`);

  step('waiting for it to expire');
  let second = first;
  for (let i = 0; i < 100 && second.accessToken === first.accessToken; i++) {
    await sleep(200);
    second = await client.fetchToken(fresh);
  }
  assert.notEqual(second.accessToken, first.accessToken, 'the token was not refreshed');
  step(`fetch: refreshed, ${mask(second.accessToken)}; the API says: ${callApi(second)}`);

  required = await connectionRequired(client, ['read', 'write']);
  assert.deepEqual(required.missingScopes, ['write']);
  step(`fetch with write: ${required.code}, reason ${required.reason}, missing ${required.missingScopes.join(' ')}`);

  await client.storeApiKey({ appId: 'weather', userId: 'alice', apiKey: 'sk-demo-node' });
  const key = await client.fetchToken({ appId: 'weather', userId: 'alice' });
  assert.equal(key.accessToken, 'sk-demo-node');
  step(`store_api_key and fetch: ${mask(key.accessToken)}`);

  const connected = (await client.listTokens({ userId: 'alice' })).tokens.map((token) => token.appId).sort();
  assert.deepEqual(connected, ['crm', 'weather']);
  step(`list: alice is connected to ${connected.join(' and ')}`);

  const { deleted, revocations } = await client.deleteTokens({ userId: 'alice' });
  assert.equal(deleted, 2);
  assert.equal(revocations.revoked, 1);
  required = await connectionRequired(client, ['read']);
  assert.equal(required.reason, 'missing');
  step(`delete: ${deleted} tokens, 1 revoked by its provider; fetch: ${required.code} again`);
} finally {
  await client.close();
}
