// Typing mistakes, one a line, each of which must be an error: one that is none fails the compilation.

import {
  type App,
  type AuditPage,
  buildInfo,
  Client,
  type Completion,
  type Config,
  ConnectionRequiredError,
  ConnError,
  type Deletion,
  Token,
  type TokenInfo,
  type VaultConfig,
} from 'descope-conn';
import { type Caller, type Connection, Connections, type McpRequest } from 'descope-conn/mcp';
import { fetchHandler, handler } from 'descope-conn/web';

declare const client: Client;
declare const token: Token;
const vault = { backend: 'vault', path: 'vault.db' } as const;
const key = { env: 'KEY' };

export const configs: Config[] = [
  // @ts-expect-error
  { backend: 'clout' },
  // @ts-expect-error
  { backend: 'cloud', projectID: 'P' },
  // @ts-expect-error
  { backend: 'cloud', key },
  // @ts-expect-error
  { backend: 'cloud', retry: { attempt: 2 } },
  // @ts-expect-error
  { backend: 'cloud', timeoutMs: '1000' },
  // @ts-expect-error
  { ...vault },
  // @ts-expect-error
  { ...vault, key, allowPrivateAddreses: true },
  // @ts-expect-error
  { ...vault, key, projectId: 'P' },
  // @ts-expect-error
  { ...vault, key, audit: 'change' },
  // @ts-expect-error
  { ...vault, key: { environment: 'KEY' } },
  // @ts-expect-error
  { ...vault, key: { env: 'KEY', file: '/key' } },
  // @ts-expect-error
  { ...vault, key, otherKeys: [{ byte: '0a' }] },
  // @ts-expect-error
  { backend: 'vault', key, store: { plug: '/store.so' } },
  // @ts-expect-error
  { backend: 'plugin', libary: '/backend.so' },
];
// @ts-expect-error
export const alone: VaultConfig = { ...vault, key, redirectURL: 'https://a.example' };

export const options = [
  // @ts-expect-error
  client.describe({ timeout: 1000 }),
  // @ts-expect-error
  client.describe({ timeoutMs: '1000' }),
  // @ts-expect-error
  client.fetchToken({ appId: 'crm' }, { Signal: undefined }),
  // @ts-expect-error
  client.apps.list({ acter: 'a' }),
  // @ts-expect-error
  client.close({ wait: 10 }),
  // @ts-expect-error
  client.listAll({ appId: 'crm' }, { timeout: 1 }),
  // @ts-expect-error
  new Connections(client, { redirectURL: 'https://a.example' }),
  // @ts-expect-error
  new Connections(client, { redirectUrl: 'https://a.example', wait: 1 }),
  // @ts-expect-error
  new Connections(client, { redirectUrl: 'https://a.example', confirm: true }),
];

export const fields = [
  // @ts-expect-error
  client.connect({ appID: 'crm' }),
  // @ts-expect-error
  client.connect({ appId: 'crm', options: { redirectUrl: 'https://a.example', scope: ['read'] } }),
  // @ts-expect-error
  client.openConnect({ ticket: 't', openedBy: { user: 'alice' } }),
  // @ts-expect-error
  client.complete({ state: 's', error_description: 'x' }),
  // @ts-expect-error
  client.confirm({ appId: 'crm', userID: 'alice', code: '1' }),
  // @ts-expect-error
  client.fetchToken({ appId: 'crm', userid: 'alice' }),
  // @ts-expect-error
  client.fetchToken({ appId: 'crm', scopes: 'read' }),
  // @ts-expect-error
  client.fetchToken({ appId: 'crm', options: { force: true } }),
  // @ts-expect-error
  client.fetchToken({ appId: 'crm', connect: { redirect: 'https://a.example' } }),
  // @ts-expect-error
  client.storeApiKey({ appId: 'crm', key: 'k' }),
  // @ts-expect-error
  client.storeToken({ appId: 'crm', accesToken: 'a' }),
  // @ts-expect-error
  client.storeTokens({ tokens: [{ appId: 'crm', expiry: 1 }] }),
  // @ts-expect-error
  client.deleteTokens({ token: 'x' }),
  // @ts-expect-error
  client.runRevocations({ limits: 1 }),
  // @ts-expect-error
  client.listTokens({ appId: 'crm', status: 'activ' }),
  // @ts-expect-error
  client.listAll({ appIds: 'crm' }),
  // @ts-expect-error
  client.reportRejected({ tokenId: 'x', hash: 'h' }),
  // @ts-expect-error
  client.exportTokens({ app: 'crm' }),
  // @ts-expect-error
  client.backUp({ file: '/copy' }),
  // @ts-expect-error
  client.checkBackup({ paths: '/copy' }),
  // @ts-expect-error
  client.apps.create({ id: 'crm', clientID: 'c' }),
  // @ts-expect-error
  client.apps.create({ id: 'crm', appType: 'apiKey' }),
  // @ts-expect-error
  client.apps.create({ id: 'crm', tokenUrlParams: [{ name: 'a', value: 'b' }] }),
  // @ts-expect-error
  client.apps.update({ id: 'crm', sameprovider: true }),
  // @ts-expect-error
  client.apps.delete({ appId: 'crm' }),
  // @ts-expect-error
  client.apps.load({ name: 'crm' }),
  // @ts-expect-error
  client.apps.list({ limits: 1 }),
  // @ts-expect-error
  client.templates.list({ id: 'google' }),
  // @ts-expect-error
  client.templates.load({ templateId: 'google' }),
  // @ts-expect-error
  client.device.start({ appId: 'crm', scope: 'read' }),
  // @ts-expect-error
  client.device.poll({ flow: 'f', wait: 1 }),
  // @ts-expect-error
  client.keys.activate({ key: 'x' }),
  // @ts-expect-error
  client.keys.drop({ ids: ['x'] }),
  // @ts-expect-error
  client.audit.list({ user: 'alice' }),
  // @ts-expect-error
  client.audit.verify({ ancor: 'x' }),
  // @ts-expect-error
  client.mcp.answer({ method: 'm', name: 'n', protocolVersion: '1', connections: [{ appId: 'crm', url: 'x' }] }),
  // @ts-expect-error
  client.mcp.resume({ method: 'm', name: 'n', state: 's' }),
];
// @ts-expect-error
export const request: McpRequest = { method: 'tools/call', param: {} };
// @ts-expect-error
export const needed: Connection = { appId: 'crm', scope: ['read'] };
// @ts-expect-error
export const caller: Caller = { user: 'alice' };

export async function results(app: App, one: TokenInfo, page: AuditPage, grant: Completion, gone: Deletion) {
  // @ts-expect-error
  token.acessToken;
  // @ts-expect-error
  token.accessToken = '';
  // @ts-expect-error
  app.clientSecret;
  // @ts-expect-error
  app.clientid;
  // @ts-expect-error
  one.states;
  // @ts-expect-error
  one.status === 'needs_reauthorisation';
  // @ts-expect-error
  one.reason === 'revoked';
  // @ts-expect-error
  page.records[0].operation;
  // @ts-expect-error
  grant.tokenID;
  // @ts-expect-error
  gone.revocations?.no;
  // @ts-expect-error
  (await client.connect({ appId: 'crm' })).connectionUrl;
  // @ts-expect-error
  (await client.listTokens({ appId: 'crm' })).items;
  // @ts-expect-error
  (await client.fetchToken({ appId: 'crm' })).token;
  // @ts-expect-error
  (await client.complete({ state: 's' })).tokenId;
  // @ts-expect-error
  (await client.apps.load({ id: 'crm' })).id;
  // @ts-expect-error
  (await client.device.poll({ flow: 'f' })).tokenId;
  // @ts-expect-error
  (await client.checkBackup({ path: '/copy' })).audit.brokenAt;
  // @ts-expect-error
  (await client.describe()).operation;
  // @ts-expect-error
  (await client.call('brand.new')).field;
  // @ts-expect-error
  (await client.mcp.answer({ method: 'm', name: 'n', protocolVersion: '1', connections: [] })).shape === 'url';
  // @ts-expect-error
  buildInfo().versions;
  // @ts-expect-error
  handler(client, { base: 'https://a.example', session: () => null, signInURL: 'https://a.example' });
  // @ts-expect-error
  handler(client, { session: () => null });
  // @ts-expect-error
  fetchHandler(client, { base: 'https://a.example', session: () => ({ user: 'alice' }) });
  // @ts-expect-error
  client.fetchTokens({ appId: 'crm' });
  // @ts-expect-error
  new Token();
  // @ts-expect-error
  new ConnError();
}

export function errors(error: ConnError, required: ConnectionRequiredError) {
  // @ts-expect-error
  error.code === 'notfound';
  // @ts-expect-error
  error.reason === 'scope';
  // @ts-expect-error
  error.statusCode;
  // @ts-expect-error
  required.url;
  // @ts-expect-error
  required.toJSON().url;
}
