// What a program may write, each method once. wrong.ts has the same with typing mistakes.

import {
  type App,
  buildInfo,
  Client,
  type Config,
  ConnectionRequiredError,
  ConnError,
  type ErrorCode,
  errorCodes,
  NotFoundError,
  TimeoutError,
  Token,
  type VaultConfig,
} from 'descope-conn';
import { Connections, type McpRequest } from 'descope-conn/mcp';
import { fetchHandler, handler } from 'descope-conn/web';

const vaultConfig: VaultConfig = {
  backend: 'vault',
  path: 'vault.db',
  key: { env: 'KEY' },
  otherKeys: [{ bytes: '0a' }, { file: '/key' }],
  audit: 'all',
  auditDays: 30,
  allowExport: true,
  redirectUrl: 'https://a.example/cb',
  connectTtlSeconds: 60,
  connectPageUrl: 'https://a.example/connect',
  requireOpener: true,
  timeoutMs: 1000,
  allowPrivateAddresses: false,
  caFile: null,
  proxy: '',
};
export const configs: Config[] = [
  vaultConfig,
  { backend: 'vault', store: { plugin: '/store.so', config: { url: 'x' } }, key: { bytes: '0a' } },
  { backend: 'cloud', projectId: 'P', managementKey: 'K', baseUrl: 'https://x', retry: { attempts: 2 }, caFile: '/ca' },
  { backend: 'plugin', library: '/backend.so', config: { any: 1 } },
];

export async function use(client: Client, signal: AbortSignalOfHost): Promise<string | undefined> {
  const options = { timeoutMs: 1000, signal, actor: 'a tool' };
  const alice = { userId: 'alice', tenantId: 't' };
  const { url, expiresIn } = await client.connect(
    { appId: 'crm', ...alice, options: { redirectUrl: 'https://a.example', scopes: ['read'], confirmation: true } },
    options,
  );
  await client.openConnect({ ticket: 't', openedBy: { userId: 'alice' } });
  const completed = await client.complete({ state: 's', code: 'c', parameters: { hmac: 'x' }, openedBy: alice });
  if (completed.confirmationRequired) completed.code.toUpperCase();
  else completed.scopes.join(completed.redirectUrl);
  const confirmed = await client.confirm({ appId: 'crm', userId: 'alice', code: '1234' });
  const token: Token = await client.fetchToken(
    { appId: 'crm', userId: 'alice', minTtlSeconds: 60, options: { forceRefresh: true, withRefreshToken: true } },
    { timeoutMs: 1 },
  );
  await client.storeApiKey({ appId: 'crm', userId: 'alice', apiKey: 'k' });
  await client.storeToken({ appId: 'crm', userId: 'alice', accessToken: 'a', verifyRefresh: false });
  const { failures } = await client.storeTokens({ tokens: [{ appId: 'crm', userId: 'alice', refreshToken: 'r' }] });
  const { deleted, revocations } = await client.deleteTokens({ tokenId: 'x', revoke: false });
  const { revoked, pending, failed } = await client.runRevocations({ limit: 1, waitMs: 5 });
  const { tokens, next, total, unreadable } = await client.listTokens({
    appId: 'crm',
    status: 'expiring',
    count: true,
  });
  if (tokens[0].status === 'needs_reauthorization' && tokens[0].reason === 'refused') tokens[0].since?.toFixed();
  for await (const one of client.listAll({ userId: 'alice', limit: 10 })) one.lastRefreshError?.trim();
  await client.reportRejected({ tokenId: 'x', tokenHash: 'h', userId: 'alice' });
  const exported = await client.exportTokens({ appId: 'crm', limit: 1 });
  await client.storeTokens({ tokens: exported.tokens });
  await client.deleteIdleTokens(options);
  const copy = await client.backUp({ path: '/copy' });
  const verdict = await client.checkBackup({ path: copy.path });
  if (!verdict.audit.ok) verdict.audit.brokenAt.toFixed();
  const description = await client.describe();
  description.types[0].fields[0].of?.trim();
  const answer = await client.call<{ brandNew: number }>('brand.new', { anyField: 1 }, options);

  const { app } = await client.apps.create({
    id: 'crm',
    templateId: 'google',
    hosts: { shop: 'x' },
    clientId: 'c',
    clientSecret: 's',
    defaultScopes: ['read'],
    authorizationUrlParams: [{ key: 'a', value: 'b' }],
    tokenEndpointAuthMethod: 'client_secret_post',
    pkce: true,
  });
  const kept: App = app;
  await client.apps.update({ id: kept.id, name: 'CRM', sameProvider: true, scopeSeparator: ',' });
  await client.apps.load({ id: 'crm' });
  (await client.apps.list()).apps[0].defaultScopes?.join();
  await client.apps.list({ limit: 10 }, options);
  await client.apps.delete({ id: 'crm', revoke: true });
  (await client.templates.list()).templates[0].notes?.trim();
  (await client.templates.load({ id: 'google' })).template;
  const flow = await client.device.start({ appId: 'crm', userId: 'alice', scopes: ['read'] });
  const polled = await client.device.poll({ flow: flow.flow, waitMs: 10 });
  if (polled.status === 'pending') polled.retryAfterMs.toFixed();
  else polled.tokenId.trim();
  const keys = await client.keys.list();
  await client.keys.activate({ id: (await client.keys.add()).id });
  (await client.keys.reseal()).resealed.toFixed();
  await client.keys.drop({ id: keys.keys[0].id });
  const page = await client.audit.list({ appId: 'crm', after: 'x' });
  page.records[0].witness?.hash.trim();
  await client.audit.verify({ anchor: 'x' });
  const asked = await client.mcp.answer({
    method: 'tools/call',
    name: 'n',
    userId: 'alice',
    protocolVersion: '2026-07-28',
    capabilities: { elicitation: {} },
    connections: [{ appId: 'crm', connectionUrl: url, scopes: ['read'], confirmation: true }],
    clientInfo: { name: 'claude-code', version: '2.1' },
  });
  if (asked.shape === 'result') asked.response;
  const resumed = await client.mcp.resume({ method: 'tools/call', name: 'n', requestState: 's', waitMs: 1 });
  if (resumed.state !== 'ready') resumed.shape.trim();

  const states: string[] | undefined = asked.completions?.map(({ requestState }) => requestState);
  const connections = new Connections(client, { redirectUrl: 'https://a.example', waitMs: 1, confirmation: true });
  const html: string = (await connections.card()).contents.text + (await client.mcp.card()).text;
  const uri: string = Connections.cardMeta.ui.resourceUri;
  states?.concat(html, uri, client.backend === 'vault' ? [] : ['']);
  const request: McpRequest = {
    method: 'tools/call',
    params: { name: 'n' },
    protocolVersion: '2025-11-25',
    clientInfo: { name: 'claude-code' },
    notify: ({ method }) => method.trim(),
  };
  const prepared = await connections.prepare(request, { crm: { appId: 'crm', scopes: ['read'] } }, { userId: 'alice' });
  if (prepared.tokens) prepared.tokens.crm.accessToken.trim();
  else prepared.answer;

  const pages = { base: 'https://a.example/connections', signInUrl: 'https://a.example/sign-in', apps: ['crm'] };
  handler(client, { ...pages, session: ({ headers }) => ({ userId: String(headers.cookie) }) });
  fetchHandler(client, {
    ...pages,
    session: async ({ url }) => (url ? { userId: url, tenants: [{ id: 't' }] } : null),
  });

  await client.close({ waitMs: 10 });
  const { version, libraries } = buildInfo();
  return [
    expiresIn,
    confirmed.tokenId,
    failures[0].errorCode,
    deleted,
    revocations?.grantRevoked,
    revoked,
    pending,
    failed,
    next,
    total,
    unreadable,
    answer.brandNew,
    token.accessToken,
    token.refreshToken,
    token.accessTokenExpiry,
    version,
    libraries?.curl,
    keys.masterKey,
    exported.apiKeys[0].apiKey,
    ...errorCodes,
  ].join();
}

/** AbortSignal, where its type is known here. */
type AbortSignalOfHost = NonNullable<NonNullable<Parameters<Client['describe']>[0]>['signal']>;

export function explain(error: unknown): string | undefined {
  if (error instanceof ConnectionRequiredError) return error.connectionUrl + error.toJSON().appId;
  if (!(error instanceof ConnError)) return undefined;
  if (error instanceof NotFoundError) return error.reason;
  if (error instanceof TimeoutError) return error.code;
  const code: ErrorCode = error.code;
  if (code === 'connection_required' && error.reason === 'scopes') return error.missingScopes?.join();
  return code === 'rate_limited' ? String(error.retryAfterMs) : error.field;
}
