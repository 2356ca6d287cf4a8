/**
 * Third-party tokens for a person or a tenant, from Descope's cloud, an encrypted vault of your own, or a plugin.
 *
 * Fields carry Descope's wire names. The library checks every request and answers alike in every language; what is
 * wrong comes back as a {@link DescopeConnError}. `describe` returns the operations and their fields at run time.
 *
 * @packageDocumentation
 */

// Opening a client

/** Tokens kept by Descope. What is absent comes from the environment. */
export interface CloudConfig {
  backend: 'cloud';
  /** Else DESCOPE_PROJECT_ID. */
  projectId?: string;
  /** Else DESCOPE_MANAGEMENT_KEY. */
  managementKey?: string;
  /** Seals what mcp.answer sends through clients. Else DESCOPE_CONN_STATE_KEY, else the management key. */
  stateKey?: string;
  /** Else DESCOPE_BASE_URL or DESCOPE_BASE_URI, else the host of the project's region. */
  baseUrl?: string;
  /** Bounds each exchange with the server, in milliseconds. */
  timeoutMs?: number;
  retry?: { attempts?: number };
  /** A file of certificates to trust, in PEM. */
  caFile?: string | null;
  proxy?: string | null;
}

/** Where the vault's key is, or the key itself as text. There is no vault without one. */
export type VaultKey =
  | { env: string; file?: undefined; bytes?: undefined }
  | { file: string; env?: undefined; bytes?: undefined }
  | { bytes: string; env?: undefined; file?: undefined };

/** Tokens kept in an encrypted vault of your own: one SQLite file, or a store plugin. */
export interface VaultConfig {
  backend: 'vault';
  /** The SQLite file. This or store. */
  path?: string;
  /** A store plugin. This or path. */
  store?: { plugin: string; config?: object };
  key: VaultKey;
  /** Keys that the vault was sealed by, or will be: docs/keys.md. */
  otherKeys?: VaultKey[];
  /** What is recorded: docs/audit.md. changes unless said otherwise. */
  audit?: 'off' | 'changes' | 'all';
  /** How long records are kept; for good unless said otherwise. */
  auditDays?: number;
  /** Lets exportTokens hand out refresh tokens. */
  allowExport?: boolean;
  /** Where providers send the user's browser back to. */
  redirectUrl?: string;
  /** Your page that connect URLs lead to; it calls openConnect. */
  connectPageUrl?: string;
  /** How long a connect URL waits for its callback, or for your page to open it. Seconds. */
  connectTtlSeconds?: number;
  /** complete must say who is signed in where the callback arrived; true unless said otherwise. */
  requireOpener?: boolean;
  /** Bounds each exchange with a provider, in milliseconds. */
  timeoutMs?: number;
  /** Lets endpoints that a discovery document names be on private addresses. */
  allowPrivateAddresses?: boolean;
  /** A file of certificates to trust, in PEM. */
  caFile?: string | null;
  proxy?: string | null;
}

/** A backend from a shared library that has descope_conn_plugin_init. */
export interface PluginConfig {
  backend: 'plugin';
  /** An absolute path. */
  library: string;
  config?: object;
}

/** docs/configuration.md lists every field. */
export type Config = CloudConfig | VaultConfig | PluginConfig;

// Requests

/** For each call. */
export interface CallOptions {
  /**
   * Bounds the whole call, in milliseconds, up to 4294967294. 0 asks for an answer that needs no waiting. Without it,
   * only each exchange with a server is bounded, by the client's configuration.
   */
  timeoutMs?: number;
  /**
   * Ends the call early: its promise rejects with the signal's reason at once, and the library is asked to stop. Like
   * an aborted fetch, the call may have taken effect by then.
   */
  signal?: Signal;
  /** Vault: who asks, or which tool, for the audit. It goes before an actor among the fields. The cloud refuses it. */
  actor?: string;
}

/** An AbortSignal, where the DOM's types or Node's declare it. */
export type Signal = typeof globalThis extends { AbortSignal: { prototype: infer Declared } } ? Declared : object;

/** Of an operation that takes none. */
export interface NoFields {
  [field: string]: never;
}

/** Whose token it is. A user's token inside a tenant is another one than the same user's outside of it. */
export interface Subject {
  userId?: string;
  tenantId?: string;
}

/** What a connect URL asks for. */
export interface ConnectOptions {
  /** Where the user's browser ends up. */
  redirectUrl: string;
  /** The scopes to ask for; the connection's default ones, or the fetch's, when absent. */
  scopes?: string[];
  /** OpenID prompt values: none, login, consent, select_account. */
  prompt?: string[];
  /** The account to preselect at the provider. */
  loginHint?: string;
  /** RFC 8707 resource indicators. */
  resources?: string[];
  /** Names one of several accounts of the subject at the connection. */
  externalIdentifier?: string;
  /** Vault: hold the grant back until confirm has the code that the browser shows. */
  confirmation?: boolean;
}

/** What a fetch asks the user for. */
export interface FetchConnectOptions extends ConnectOptions {
  /** Vault: ask also for scopes that the user was asked for before and did not grant. */
  askDeclined?: boolean;
}

export interface ConnectFields extends Subject {
  appId: string;
  /** Cloud: the Descope access token of the user or MCP client that the URL is bound to. */
  accessToken?: string;
  options?: ConnectOptions;
}

/** A query's parameter, decoded: whatever it is, and an array where it stands more than once. */
export type QueryValue = string | string[];

/** The provider's answer, as it came to the redirect URI's query. */
export interface CompleteFields {
  state?: QueryValue;
  code?: QueryValue;
  /** When the user or the provider refused. */
  error?: QueryValue;
  /** The query's error_description. */
  errorDescription?: QueryValue;
  iss?: QueryValue;
  /** The query's other parameters: providers sign them, and say there whose account it is, or why they refuse. */
  parameters?: Record<string, QueryValue>;
  /**
   * Who is signed in where the callback arrived: it must be who the URL was made for. Absent only where requireOpener is
   * false or the connect asked for a confirmation.
   */
  openedBy?: Subject;
}

/** A connect URL of connectPageUrl, as it came to that page. */
export interface OpenFields {
  /** The query's ticket. */
  ticket: string;
  /** Who is signed in where the page was opened: it must be who the URL was made for. */
  openedBy: Subject;
}

export interface ConfirmFields extends Subject {
  appId: string;
  /** What the user has typed: six digits, however they are parted, or the number that they are. */
  code: string | number;
}

export interface FetchFields extends Subject {
  appId: string;
  /** Without scopes: the latest token. */
  scopes?: string[];
  externalIdentifier?: string;
  /** Vault: only a token that is for all of these (RFC 8707). */
  resources?: string[];
  /** Cloud: the user's or client's Descope access token, in place of the management key. */
  accessToken?: string;
  /** The token must live at least this long, in seconds up to 86400; it is refreshed otherwise. */
  minTtlSeconds?: number;
  options?: {
    /** Answer the refresh token too. */
    withRefreshToken?: boolean;
    /** Refresh even a fresh token. */
    forceRefresh?: boolean;
    /**
     * Vault: take a token without the scopes that the user was asked for and did not grant; its missingScopes says
     * which.
     */
    acceptNarrower?: boolean;
  };
  /**
   * When the user must grant access first, reject with a {@link ConnectionRequiredError} that has a URL for it. Once all
   * that is missing was declined, it is not_found: nobody is asked for ever.
   */
  connect?: FetchConnectOptions;
}

export interface StoreApiKeyFields extends Subject {
  appId: string;
  apiKey: string;
}

/** One OAuth token brought from elsewhere. At least one of refreshToken and accessToken is needed. */
export interface ImportedToken extends Subject {
  appId: string;
  refreshToken?: string;
  accessToken?: string;
  /** Seconds since 1970 when the access token expires; 0 is unknown. */
  accessTokenExpiry?: number;
  /** Bearer unless said otherwise. */
  accessTokenType?: string;
  scopes?: string[];
  externalIdentifier?: string;
  /** The OpenID token that came with it. */
  idToken?: string;
  grantedBy?: string;
}

export interface StoreTokenFields extends ImportedToken {
  /** Refresh it at the provider first, and keep nothing if that fails. */
  verifyRefresh?: boolean;
}

export interface StoreTokensFields {
  /** At most 1000. */
  tokens: ImportedToken[];
}

/** One token by its id; or all of a connection, of a subject, or of a subject at a connection. */
export interface DeleteFields extends Subject {
  tokenId?: string;
  appId?: string;
  /** Vault: have the providers take the tokens back; true unless said otherwise. */
  revoke?: boolean;
}

export interface RevocationsRunFields {
  /** At most so many, up to 1000. 100 unless said otherwise. */
  limit?: number;
  /** Goes on for so long with what falls due, in milliseconds; less than the call's timeoutMs. */
  waitMs?: number;
}

/** At least one of appId, userId and tenantId. */
export interface ListFields extends Subject {
  appId?: string;
  /** Vault: only those that fare so. A page may then hold few of them, or none, and a next. */
  status?: 'active' | 'expiring' | 'needs_reauthorization';
  /** Vault: at most 1000; 100 unless said otherwise. */
  limit?: number;
  /** Vault: the next of the answer before. */
  after?: string;
  /** Vault: answer total, which goes through all there are. Not beside status. */
  count?: boolean;
}

/** The token must be the subject's. */
export interface ReportRejectedFields extends Subject {
  tokenId: string;
  /** SHA-256 of the refused access token, in hexadecimal digits. */
  tokenHash: string;
}

/** What becomes of a grant when a provider says this. */
export type FailureKind = 'permanent' | 'misconfigured' | 'transient';

/** What a provider makes of the names of scopes. In names, one * stands for any text. */
export interface ScopeRules {
  /** By other names of a scope, the name that it goes by. */
  aliases?: Record<string, string>;
  /** What a name may begin with that means nothing. */
  prefixes?: string[];
  /** By a scope, those that it covers, with spaces between them. */
  implies?: Record<string, string>;
  /** Scopes that replies leave out: granted if they were asked for. */
  unnamed?: string[];
  /** Names that differ in their letters' case are the same. */
  ignoresCase?: boolean;
  /** False: all that was asked for counts as granted, whatever a reply names. */
  complete?: boolean;
}

/** A connection's settings: Descope's, and what the vault needs besides. */
export interface AppSettings {
  name?: string;
  description?: string;
  /** A URL or data URL. */
  logo?: string;
  /** oauth unless said otherwise. */
  appType?: 'oauth' | 'apikey';
  clientId?: string;
  /** Never returned. On update: absent keeps it, "" clears it. */
  clientSecret?: string;
  /** The provider's discovery document (OpenID or RFC 8414). */
  discoveryUrl?: string;
  authorizationUrl?: string;
  /** Added to the authorization URL. */
  authorizationUrlParams?: { key: string; value: string }[];
  tokenUrl?: string;
  /** Added to each token request's form. */
  tokenUrlParams?: { key: string; value: string }[];
  /** RFC 7009. */
  revocationUrl?: string;
  /** Asked for when a connect names none. */
  defaultScopes?: string[];
  /** The OAuth redirect URI registered at the provider. */
  defaultRedirectUrl?: string;
  /** Cloud: the host of the OAuth callback. */
  callbackDomain?: string;
  /** PKCE with S256 (RFC 7636). */
  pkce?: boolean;
  /** Google's access_type; offline asks for a refresh token. */
  accessType?: 'offline' | 'online';
  /** OpenID prompt values sent unless a connect names others. */
  prompt?: string[];
  /** Register the client at the provider when it is first needed (RFC 7591). */
  useDcr?: boolean;
  /** The provider's registration endpoint; the vault may discover it. */
  dcrUrl?: string;
  /** Vault: where refresh requests go. To tokenUrl unless said. */
  refreshUrl?: string;
  /** Vault: the provider's device authorization endpoint (RFC 8628). */
  deviceAuthorizationUrl?: string;
  /** Vault: asked when a token expires, where neither the reply nor the token tells (RFC 7662). */
  introspectionUrl?: string;
  /** Vault: the provider's issuer, checked as RFC 9207 says. */
  issuer?: string;
  /** Vault: how the client proves itself (RFC 7591). client_secret_basic, or none without a secret, unless said. */
  tokenEndpointAuthMethod?: 'client_secret_basic' | 'client_secret_post' | 'client_secret_bearer' | 'none';
  /** Vault: between scopes at this provider. A space unless said otherwise. */
  scopeSeparator?: ' ' | ',';
  /** Vault: of token requests. form unless said otherwise. */
  bodyFormat?: 'form' | 'json';
  /** Vault: the characters between scopes in replies. A space and the scopeSeparator unless said otherwise. */
  replyScopeSeparators?: string;
  /** Vault: the member of a reply that names what was granted. scope unless said otherwise. */
  replyScopeName?: string;
  /** Vault. */
  scopeRules?: ScopeRules;
  /** Vault: names that the authorization URL must not have. */
  droppedAuthorizeParameters?: string[];
  /** Vault: the provider's names for the standard's in the authorization URL. */
  renamedAuthorizeParameters?: Record<string, string>;
  /** Vault: the provider's names for the standard's in token requests. */
  renamedTokenParameters?: Record<string, string>;
  /** Vault: where a reply has its access token, tried in order; dots go deeper. */
  tokenPaths?: string[];
  /** Vault: a reply's expires_in counts milliseconds. */
  expiresInMilliseconds?: boolean;
  /** Vault: when a token expires if the reply does not say. jwt (the token's own exp) unless said otherwise. */
  expiry?: { rule: 'jwt' | 'fixed' | 'never'; seconds?: number };
  /** Vault: what else of a reply is kept with the token; dots go deeper. */
  replyMetadata?: string[];
  /** Vault: what the provider's error codes mean, in whatever case they come. */
  errors?: Record<string, FailureKind>;
  /** Vault: where else a refusal has its code, tried first; dots go deeper, also to an array's elements, from 0. */
  errorPaths?: string[];
  /** Vault: what a refusal means whose words hold this, in whatever case. */
  errorMessages?: Record<string, FailureKind>;
  /** Vault: how tokens are refreshed. */
  refresh?: {
    grantType?: string;
    tokenParameter?: string;
    exchangesAccessToken?: boolean;
    rotation?: 'single_use' | 'sliding' | 'fixed' | 'none' | 'unknown';
    graceSeconds?: number;
    lifetimeSeconds?: number;
  };
  /** Vault: what the provider's callback brings besides code, state and iss. */
  callback?: { metadata?: string[]; scopes?: string; signature?: string };
  /** Vault: how revocationUrl takes tokens back. */
  revocation?: {
    method?: 'POST' | 'DELETE';
    bodyFormat?: 'form' | 'json';
    authentication?: 'client' | 'basic' | 'token';
    takes?: 'any' | 'access_token' | 'refresh_token';
    tokenParameter?: string;
    clearsGrant?: boolean;
  };
  /** Vault: a token that nobody has fetched for so long is deleted. */
  maxIdleSeconds?: number;
  /** Vault: a token is deleted when it is fetched, so that it is handed out once. */
  deleteAfterFirstFetch?: boolean;
}

export interface AppsCreateFields extends AppSettings {
  /** Chosen for you when absent. */
  id?: string;
  /** Cloud: makes the connection this tenant's own. */
  tenantId?: string;
  /** A provider template; settings override it. The vault's are those of client.templates. */
  templateId?: string;
  /** Vault: the values of the template's hosts, by name. */
  hosts?: Record<string, string>;
  /** Cloud: a preset for dynamic registration. */
  dcrPresetId?: string;
}

export interface AppsUpdateFields extends AppSettings {
  id: string;
  /** Vault: the one that it has. */
  templateId?: string;
  /** Vault: the values of the template's hosts, by name. Absent: they stay. */
  hosts?: Record<string, string>;
  /** Vault: new endpoints are those of the same authorization server: stored grants, and the secret, stay. */
  sameProvider?: boolean;
}

export interface AppsDeleteFields {
  id: string;
  /** Vault: have the providers take the tokens back; true unless said otherwise. */
  revoke?: boolean;
}

/** The MCP request that is being answered, and whose. */
export interface McpCall extends Subject {
  /** Such as tools/call. */
  method: string;
  /** The tool's or prompt's name, or the resource's URI. */
  name: string;
  /** As the client sent them: anything that JSON can say. Only their digest goes to the library. */
  arguments?: object;
  /** In place of arguments, where they are gone: docs/mcp.md. */
  argumentsDigest?: string;
}

/** A connection that an MCP request needs, and where its user grants it. */
export interface MissingConnection {
  appId: string;
  connectionUrl: string;
  scopes?: string[];
  externalIdentifier?: string;
  /** Vault: its grant is held back until the user has typed a code, for which the answer asks too. */
  confirmation?: boolean;
  /** Vault: as in the fetch that found it missing. */
  acceptNarrower?: boolean;
}

export interface McpAnswerFields extends McpCall {
  /** The client's, such as 2026-07-28. */
  protocolVersion: string;
  /** What the client declared. */
  capabilities?: object;
  /** The client's name and version, as it says. What is known of it overrides what it declares. */
  clientInfo?: object;
  connections: MissingConnection[];
  ttlSeconds?: number;
}

export interface McpResumeFields extends McpCall {
  accessToken?: string;
  requestState: string;
  inputResponses?: object;
  /** How long to wait for the grants, in milliseconds; less than the call's timeoutMs. */
  waitMs?: number;
}

/** What an MCP server answers: the result or the error of its JSON-RPC response, beside jsonrpc and id. */
export interface McpAnswer {
  shape: 'input_required' | 'error' | 'app' | 'result';
  response: { result: object } | { error: { code: number; message: string; data?: object } };
  /**
   * With the error of 2025-11-25: when resume says ready of one, tell the client by notifications/elicitation/complete.
   */
  completions?: { elicitationId: string; requestState: string }[];
}

/** The card that shows a tool's user where to connect, for clients with MCP Apps. */
export interface McpCard {
  uri: string;
  name: string;
  mimeType: string;
  /** The HTML document. */
  text: string;
  /** The _meta of the tools that it is for. */
  toolMeta: { ui: { resourceUri: string } };
}

export interface AppsLoadFields {
  id: string;
}

export interface TemplatesLoadFields {
  id: string;
}

/** A grant for a user whose browser is on another device (RFC 8628). */
export interface DeviceStartFields extends Subject {
  appId: string;
  /** The connection's default ones when absent. */
  scopes?: string[];
  /** RFC 8707 resource indicators. */
  resources?: string[];
  externalIdentifier?: string;
}

export interface DevicePollFields {
  /** What device.start answered. */
  flow: string;
  /** How long to wait for the user, in milliseconds. 0 unless said otherwise: look once. */
  waitMs?: number;
}

/** All there are without appId, userId and tenantId. */
export interface ExportFields extends Subject {
  appId?: string;
  /** At most 1000; 100 unless said otherwise. */
  limit?: number;
  /** The next of the answer before. */
  after?: string;
}

export interface KeysActivateFields {
  id: string;
}

export interface KeysDropFields {
  id: string;
}

export interface AuditListFields extends Subject {
  appId?: string;
  tokenId?: string;
  /** At most 1000; 100 unless said otherwise. */
  limit?: number;
  /** The next or the end of an answer before. */
  after?: string;
}

export interface AuditVerifyFields {
  /** That of an earlier verdict, kept elsewhere: what it notes must be there still. */
  anchor?: string;
}

export interface BackupFields {
  /** Absolute. Nothing may be there yet. */
  path: string;
}

export interface BackupCheckFields {
  /** Absolute. */
  path: string;
}

// Answers

/** What was granted. */
export interface Completion extends Subject {
  tokenId: string;
  appId: string;
  scopes: string[];
  /** What the user was asked for and did not grant. */
  missingScopes?: string[];
  /** What the provider said besides, by its own names. */
  metadata?: Record<string, unknown>;
  confirmationRequired?: undefined;
}

/** A provider that a connection can be made for. */
export interface Template {
  id: string;
  name: string;
  /** The names to give as `hosts`, and what each may be. */
  hosts?: Record<string, { kind?: string; default?: string; values?: string[] }>;
  notes?: string;
}

/** What to show the user, and the flow to poll with, which util.inspect does not show. */
export interface DeviceFlow {
  flow: string;
  userCode: string;
  verificationUri: string;
  /** With the user code in it. */
  verificationUriComplete?: string;
  /** Seconds. */
  expiresIn: number;
  /** Seconds. */
  interval: number;
}

/**
 * A fetched token, with Descope's field names. accessToken and refreshToken can be read, and nothing else shows them:
 * not util.inspect, console.log, JSON.stringify, {...token} or structuredClone.
 */
export class Token {
  private constructor();
  /** The access token or API key. A secret. */
  readonly accessToken: string;
  /** Only with options.withRefreshToken. A secret. */
  readonly refreshToken: string | undefined;
  /** For deleteTokens and reportRejected. A plugin may have none. */
  readonly id?: string;
  readonly appId: string;
  readonly userId?: string;
  readonly tenantId?: string;
  /** The subject's id at the provider. */
  readonly tokenSub?: string;
  /** Such as Bearer; an API key has none. */
  readonly accessTokenType?: string;
  /** Seconds since 1970. Absent: unknown, or never. */
  readonly accessTokenExpiry?: number;
  readonly hasRefreshToken?: boolean;
  /** Seconds since 1970. */
  readonly lastRefreshTime?: number;
  /** Of the last refresh, when it failed. */
  readonly lastRefreshError?: string;
  readonly scopes?: string[];
  /** With acceptNarrower: the scopes that were wanted, and that the user did not grant. */
  readonly missingScopes?: string[];
  readonly grantedBy?: string;
  readonly externalIdentifier?: string;
  /** What the token is for (RFC 8707). */
  readonly resources?: string[];
  /** What the provider said besides, by its own names. */
  readonly metadata?: Record<string, unknown>;
}

/** A token without its secrets. The cloud names the connection and the subject, and no more. */
export interface TokenStatus extends Subject {
  appId: string;
  /** For deleteTokens. */
  id?: string;
  /** expiring: it lives, and nothing will replace it. */
  status: 'active' | 'expiring' | 'needs_reauthorization';
  /** Why, where the status is not good. */
  reason?: 'no_refresh_token' | 'expired' | 'refused' | 'uncertain' | 'rejected' | 'moved';
  /** Since when, in seconds since 1970. */
  since?: number;
  tokenSub?: string;
  accessTokenType?: string;
  /** Seconds since 1970. Absent: unknown, or never. */
  accessTokenExpiry?: number;
  hasRefreshToken?: boolean;
  /** Seconds since 1970. */
  lastRefreshTime?: number;
  lastRefreshError?: string;
  /** From when on a fetch refreshes it. Seconds since 1970. */
  nextRefreshTime?: number;
  /** About; only where the connection has maxIdleSeconds. Seconds since 1970. */
  lastFetchTime?: number;
  scopes?: string[];
  grantedBy?: string;
  externalIdentifier?: string;
}

/** A grant that is held back until confirm has the code. */
export interface ConfirmationCode {
  confirmationRequired: true;
  /** To show to whoever is at the browser, and to nobody else. */
  code: string;
  appId: string;
  /** In seconds. */
  expiresIn: number;
}

/** How many tokens were deleted, where known. */
export interface Deletion {
  deleted?: number;
  /** Vault, unless revoke was false: what became of them at their providers. */
  revokedAtProvider?: {
    /** Taken back. */
    yes: number;
    /** Of these, those whose whole grant is known to be gone. Others may still be listed in the user's account there. */
    grantCleared: number;
    /** The provider did not answer. They are tried again. */
    pending: number;
    /** The provider takes no tokens back. */
    unsupported: number;
  };
}

/** A connection, never its secret. What is not set is absent from the vault's, and empty in the cloud's. */
export interface App extends Omit<AppSettings, 'clientSecret' | 'accessType'> {
  id: string;
  accessType?: 'offline' | 'online' | '';
  /** Cloud: the tenant whose own it is. */
  tenantId?: string;
  /** The template it was made from. */
  templateId?: string;
}

/** What a connection lacks: until the field is set, nobody can connect. */
export interface SettingWarning {
  field: string;
  message: string;
}

/** A token that was not kept, and with it none of its batch. */
export interface StoreFailure extends Subject {
  appId: string;
  errorCode: string;
  reason: string;
}

/** A key that seals rows of the vault. */
export interface SealingKey {
  id: string;
  active: boolean;
  /** Seconds since 1970. */
  addedAt: number;
  /** How many rows it has sealed. */
  rows: number;
}

/** What somebody did. docs/audit.md lists the outcomes. */
export interface AuditRecord extends Subject {
  chain: number;
  /** Its number in the chain. */
  sequence: number;
  /** Milliseconds since 1970. */
  timeMs: number;
  op: string;
  outcome: string;
  actor?: string;
  appId?: string;
  tokenId?: string;
  keyId?: string;
  /** The hash of the record before it in its chain. */
  previous: string;
  /** The record of another chain that it speaks of. */
  witness?: { chain: number; sequence: number; hash: string };
}

/** Records of the audit, the oldest first. */
export interface AuditPage {
  records: AuditRecord[];
  /** Where the next page begins, if there is one. */
  next?: string;
  /** Where what is recorded later will begin, if there is no next page. */
  end?: string;
  /** So many records are missing, since their rows do not open. */
  unreadable?: number;
}

/**
 * Whether the audit is whole. If so, an anchor to keep elsewhere; otherwise where it is not, and what is wrong there: at
 * the record of that number in that chain, or at the chain's head where it is 0.
 */
export type AuditVerdict =
  | { ok: true; verified: number; anchor: string }
  | { ok: false; verified: number; chain: number; brokenAt: number; problem: string };

/** Whether a copy of the vault is whole: all its rows open, and so does its audit. */
export interface BackupVerdict {
  path: string;
  ok: boolean;
  rows: number;
  unreadable: number;
  audit: AuditVerdict;
}

/** A field of a request. */
export interface FieldDescription {
  name: string;
  /** secret and url are strings; strings, texts and objects are arrays. */
  type: string;
  required: boolean;
  /** Those that take it. */
  backends: string[];
  about: string;
  /** Of a string that is one of them. */
  values?: string[];
  /** Of a number. */
  minimum?: number;
  /** Of a number. */
  maximum?: number;
  /** Of an array. */
  maxCount?: number;
  /** Of an object, or of each object in an array. */
  fields?: FieldDescription[];
}

/** What the library can be asked. */
export interface Description {
  operations: {
    op: string;
    about: string;
    backends: string[];
    fields: FieldDescription[];
    /** Groups of fields: one of each is needed. */
    atLeastOneOf?: string[][];
    /** Fields that stand without the others of their group. */
    alone?: string[];
    answer: string;
    errors: string[];
  }[];
  /** Taken by every operation. */
  common: FieldDescription[];
  errorCodes: ErrorCode[];
  reasons: Reason[];
}

// The client

/**
 * An open backend. Opening does no network traffic. Calls run side by side, thousands on one event loop without a
 * thread each; an idle client lets the process end. Close it when it is no longer needed: by `await using`, by
 * `close()`, or else it is closed when it is collected or its thread ends.
 *
 * Every method's promise rejects with a {@link DescopeConnError}, or with the reason of `options.signal`.
 */
export class Client {
  /** @throws {DescopeConnError} invalid_config with `field`; misconfigured when the library cannot be loaded */
  constructor(config: Config);

  /** The connections themselves. */
  readonly apps: Apps;

  /** Vault: the keys that seal it. */
  readonly keys: Keys;

  /** Vault: what was done to its tokens. */
  readonly audit: Audit;

  /** The vault's catalogue of providers. */
  readonly templates: Templates;

  /** Vault: grants that users give on another device. */
  readonly device: Device;

  /** What the config named. */
  readonly backend: 'cloud' | 'vault' | 'plugin';

  /** The operations for MCP servers. `descope-conn/mcp` has the ready-made use of both. */
  readonly mcp: Mcp;

  /** A URL where the user grants access to the connection. */
  connect(fields: ConnectFields, options?: CallOptions): Promise<{
    url: string;
    /** Vault: the seconds in which it must be opened. */
    expiresIn?: number;
  }>;

  /** Vault: the provider's URL for a connect URL of your own page. Another call makes another one. */
  openConnect(fields: OpenFields, options?: CallOptions): Promise<{ url: string }>;

  /** Vault: takes the provider's answer to the redirect URI, and keeps the grant; or holds it back for confirm. */
  complete(fields: CompleteFields, options?: CallOptions): Promise<
    (Completion & { redirectUrl?: string }) | ConfirmationCode
  >;

  /** Vault: lets a grant be fetched that was held back. Five wrong codes throw it away. */
  confirm(fields: ConfirmFields, options?: CallOptions): Promise<Completion & { redirectUrl?: string }>;

  /** A fresh token: by scopes, or the latest. */
  fetchToken(fields: FetchFields, options?: CallOptions): Promise<Token>;

  /** Keeps a subject's API key, in place of an earlier one. */
  storeApiKey(fields: StoreApiKeyFields, options?: CallOptions): Promise<{ tokenId?: string }>;

  /** Keeps an OAuth token brought from elsewhere. */
  storeToken(fields: StoreTokenFields, options?: CallOptions): Promise<{ tokenId?: string }>;

  /** Keeps many OAuth tokens: all of them, or none when there are failures. */
  storeTokens(fields: StoreTokensFields, options?: CallOptions): Promise<{ failures: StoreFailure[] }>;

  /** Removes tokens. At least one field is needed: nothing deletes everything. */
  deleteTokens(fields: DeleteFields, options?: CallOptions): Promise<Deletion>;

  /** Vault: has providers take back what was deleted before, as far as it is due. Other calls do some by the way. */
  runRevocations(
    fields?: RevocationsRunFields, options?: CallOptions,
  ): Promise<{ revoked: number; pending: number; failed: number }>;

  /** What is connected, without secrets. */
  list(fields: ListFields, options?: CallOptions): Promise<{
    tokens: TokenStatus[];
    /** When there are more. */
    next?: string;
    /** How many there are in all, where count asked for it. */
    total?: number;
    /** Rows that do not open. */
    unreadable?: number;
  }>;

  /** All that list has, page after page: `limit` and `options` are for each of them. */
  listAll(fields: ListFields, options?: CallOptions): AsyncGenerator<TokenStatus, void, undefined>;

  /** Says that a service refused an access token: one refresh if it is still the current one, else the newer one. */
  reportRejected(fields: ReportRejectedFields, options?: CallOptions): Promise<Token>;

  /**
   * Vault: tokens with all their secrets, for storeTokens and storeApiKey. The config needs allowExport. util.inspect
   * does not show them, JSON.stringify does.
   */
  exportTokens(fields?: ExportFields, options?: CallOptions): Promise<{
    tokens: ImportedToken[];
    apiKeys: StoreApiKeyFields[];
    /** When there are more. */
    next?: string;
    /** So many tokens are missing, since their rows do not open. */
    unreadable?: number;
  }>;

  /** Vault: deletes the tokens that nobody has fetched for longer than their connection's maxIdleSeconds. */
  deleteIdleTokens(options?: CallOptions): Promise<{ deleted: number }>;

  /** Vault: copies its SQLite file, as it is at one moment, to a new file. Others read and write meanwhile. */
  backUp(fields: BackupFields, options?: CallOptions): Promise<{ path: string; bytes: number; rows: number }>;

  /** Vault: whether all rows of a copy open by this vault's keys, and its audit is whole. Nothing is changed. */
  checkBackup(fields: BackupCheckFields, options?: CallOptions): Promise<BackupVerdict>;

  /** Every operation with its fields and errors. */
  describe(options?: CallOptions): Promise<Description>;

  /** Any operation by its name. A `token` in the answer is a {@link Token}. */
  call<Answer = unknown>(op: string, fields?: object, options?: CallOptions): Promise<Answer>;

  /**
   * Refuses new calls, cancels those in flight, and resolves with true when all has ended: also the exchanges that must
   * finish, since their replies may hold the only refresh token there is, though their callers were told `timeout`. Each
   * is bounded by the configuration's `timeoutMs`.
   *
   * With `waitMs`, resolves with false when that was not enough, and what is still in flight is given up: it goes on, but
   * the end of the process does not wait for it. Any number of calls wait for the same end; whichever of them gives up
   * gives up for all.
   */
  close(options?: { waitMs?: number }): Promise<boolean>;

}

/** A method that is named by a well-known symbol, where the types of the language's version declare that. */
type NamedBySymbol<Name extends string, Method> =
  SymbolConstructor extends { readonly [name in Name]: infer Key extends symbol } ? { [key in Key]: Method } : {};

/** By `await using`: as close without a limit. */
interface ClosedByAwaitUsing extends NamedBySymbol<'asyncDispose', () => Promise<void>> {}

/**
 * By `using`: closes without waiting. Calls in flight are rejected as cancelled. What must finish does so in the
 * background, and the end of the process waits for it.
 */
interface ClosedByUsing extends NamedBySymbol<'dispose', () => void> {}

export interface Client extends ClosedByAwaitUsing, ClosedByUsing {}

/** client.mcp */
export interface Mcp {
  /** What to answer a request that needs connections, in the shape that its client understands. */
  answer(fields: McpAnswerFields, options?: CallOptions): Promise<McpAnswer>;
  /** The request comes again with its requestState: waits for the grants. */
  resume(
    fields: McpResumeFields, options?: CallOptions,
  ): Promise<{ state: 'ready' } | ({ state: 'pending' | 'declined' } & McpAnswer)>;
  /** The card that shows a tool's user where to connect, for clients with MCP Apps. */
  card(options?: CallOptions): Promise<McpCard>;
}

/** client.apps */
export interface Apps {
  create(fields: AppsCreateFields, options?: CallOptions): Promise<{ app: App; warnings?: SettingWarning[] }>;
  /**
   * Replaces all settings: what is absent becomes empty, or as its template has it, but the client secret and the
   * template's hosts stay.
   */
  update(fields: AppsUpdateFields, options?: CallOptions): Promise<{ app: App; warnings?: SettingWarning[] }>;
  /** For good. The vault removes the connection's tokens too. */
  delete(fields: AppsDeleteFields, options?: CallOptions): Promise<Deletion>;
  load(fields: AppsLoadFields, options?: CallOptions): Promise<{ app: App }>;
  list(fields?: NoFields, options?: CallOptions): Promise<{ apps: App[]; unreadable?: number }>;
}

/** client.templates */
export interface Templates {
  list(fields?: NoFields, options?: CallOptions): Promise<{ templates: Template[] }>;
  /** The provider's row of the catalogue, which docs/providers.md describes. */
  load(fields: TemplatesLoadFields, options?: CallOptions): Promise<{ template: Record<string, unknown> }>;
}

/** client.device */
export interface Device {
  /** Show the user verificationUri and userCode, or verificationUriComplete alone. */
  start(fields: DeviceStartFields, options?: CallOptions): Promise<DeviceFlow>;
  /** Waits up to waitMs for the user, and asks no more often than the provider allows. */
  poll(fields: DevicePollFields, options?: CallOptions): Promise<
    ({ status: 'complete' } & Completion) | { status: 'pending'; retryAfterMs: number }
  >;
}

/** client.keys: docs/keys.md */
export interface Keys {
  list(options?: CallOptions): Promise<{ masterKey: string; keys: SealingKey[] }>;
  /** Makes a key, which does not seal before it is activated. */
  add(options?: CallOptions): Promise<{ id: string }>;
  /** Has a key seal what is written from now on. */
  activate(fields: KeysActivateFields, options?: CallOptions): Promise<object>;
  /** Seals by the active key what others have sealed. May take long; what is done when the time is up stays done. */
  reseal(options?: CallOptions): Promise<{ resealed: number; unreadable: number }>;
  /** Forgets a key for good. Rejects with conflict while it still seals a row. */
  drop(fields: KeysDropFields, options?: CallOptions): Promise<object>;
}

/** client.audit: docs/audit.md */
export interface Audit {
  /** The oldest first. */
  list(fields?: AuditListFields, options?: CallOptions): Promise<AuditPage>;
  /** Whether no record was changed, removed, added or moved. */
  verify(fields?: AuditVerifyFields, options?: CallOptions): Promise<AuditVerdict>;
}

// Errors

/** The codes of this version. A later library may have more: give a `switch` over them a `default`. */
export type ErrorCode =
  | 'invalid_request'
  | 'invalid_config'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'connection_required'
  | 'conflict'
  | 'rate_limited'
  | 'timeout'
  | 'cancelled'
  | 'unavailable'
  | 'provider_error'
  | 'misconfigured'
  | 'unsupported'
  | 'limit'
  | 'internal';

/** More about not_found and connection_required. */
export type Reason = 'missing' | 'scopes' | 'reauthorize' | 'app';

/** Why a call failed. The message is for people; it never holds a token, a key or a request. */
export class DescopeConnError extends Error {
  protected constructor();
  readonly code: ErrorCode;
  /** invalid_request and invalid_config: the field, as a path such as options.redirectUrl. */
  readonly field?: string;
  /** not_found and connection_required. */
  readonly reason?: Reason;
  /** With reason scopes: what the grant lacks. */
  readonly missingScopes?: string[];
  /** Vault: those of missingScopes that the user was asked for, and did not grant. */
  readonly declined?: string[];
  /** rate_limited: when to come back, in milliseconds, if the server said so. */
  readonly retryAfterMs?: number;
  /** What a server answered with. */
  readonly httpStatus?: number;
  /** Descope's or the provider's own code. */
  readonly errorCode?: string;
  /** Descope's or the provider's own words. */
  readonly errorDescription?: string;
}

/** The user must grant access first, at connectionUrl. */
export class ConnectionRequiredError extends DescopeConnError {
  readonly code: 'connection_required';
  readonly requiresConnection: true;
  readonly connectionUrl: string;
  readonly appId: string;
  readonly missingScopes?: string[];
  /** The structured answer that a tool hands to its caller, so that a person can follow the URL. */
  toJSON(): {
    error: 'connection_required';
    requiresConnection: true;
    connectionUrl: string;
    message: string;
    appId: string;
    missingScopes?: string[];
  };
}

/** Every code of this version. */
export const errorCodes: readonly ErrorCode[];

/** What the loaded library says of itself: its version, its backends, and the versions of the libraries in it. */
export function buildInfo(): {
  version: string;
  /** DESCOPE_CONN_ABI of its header. */
  abi: number;
  /** The compiler's version. */
  swift?: string;
  backends: string[];
  libraries?: Record<string, string>;
};
