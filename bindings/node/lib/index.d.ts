/**
 * Third-party tokens for a person or a tenant, from Descope's cloud, an encrypted vault of your own, or a plugin.
 *
 * Fields carry Descope's wire names. The library checks every request and answers alike in every language; what is
 * wrong comes back as a {@link ConnError}. `describe` returns the operations and their fields at run time.
 *
 * @packageDocumentation
 */

import type { ListFields, Operations, TokenDescription, TokenInfo } from './operations.js';

// What is here is written by hand: what opens and ends a client, the token whose secrets are no properties, and errors. All
// else is generated from what the library says of itself.
export * from './operations.js';

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
  /** Keeps tokens in memory. What changes at Descope meanwhile, such as a policy, is not seen for so long. */
  cache?: { ttlSeconds: number; missingTtlSeconds?: number; maxEntries?: number };
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
  /** Makes the vault where there is none, and logs a warning; true by default. False opens only one that exists. */
  create?: boolean;
  /** What is recorded: docs/audit.md. changes by default. */
  audit?: 'off' | 'changes' | 'all';
  /** How long records are kept; for good by default. */
  auditDays?: number;
  /** Lets exportTokens hand out refresh tokens. */
  allowExport?: boolean;
  /** Where providers send the user's browser back to. */
  redirectUrl?: string;
  /** Your page that connect URLs lead to; it calls openConnect. */
  connectPageUrl?: string;
  /** How long a connect URL waits for its callback, or for your page to open it. Seconds. */
  connectTtlSeconds?: number;
  /** complete must say who is signed in where the callback arrived; true by default. */
  requireOpener?: boolean;
  /** Bounds each exchange with a provider, in milliseconds. */
  timeoutMs?: number;
  /** Lets endpoints that a discovery document names be on private addresses. */
  allowPrivateAddresses?: boolean;
  /** Who may use the REST API: docs/api.md. */
  api?: ApiSettings;
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

/** Who may use the REST API, and what for: docs/api.md. */
export interface ApiSettings {
  /** What the SDKs must send as their project; anything by default. */
  projectId?: string;
  issuers?: ApiIssuer[];
  /** What JWTs may have. Without: users their own tokens, and clients those of their tenants. */
  policies?: ApiPolicy[];
  /** The origins of browser applications that may call the API. */
  origins?: string[];
}

/** An issuer of JWTs: a Descope project, or any other. */
export interface ApiIssuer {
  /** A Descope project, in place of issuer. */
  projectId?: string;
  /** That project's API; that of its region by default. */
  baseUrl?: string;
  /** What iss must be. */
  issuer?: string;
  /** Where its keys are. A project has them below its baseUrl. */
  jwksUrl?: string;
  /** The keys themselves, in place of jwksUrl. */
  jwks?: object;
  /** One of them must be in aud. Without any, aud must be absent or name the project. */
  audiences?: string[];
  /** A scope that a JWT must have to be taken, such as outbound.token.fetch. */
  requiredScope?: string;
}

/** Allows something. It is about JWTs that have one of each of the things that it names, and all of its scopes. */
export interface ApiPolicy {
  name: string;
  users?: string[];
  clients?: string[];
  roles?: string[];
  tenants?: string[];
  scopes?: string[];
  /** What may be fetched and connected; every connection by default. */
  connections?: string[];
  /** All that a token may be good for that is given out. */
  connectionScopes?: string[];
  /** True: also the tokens of the JWT's tenants themselves. */
  tenantTokens?: boolean;
}

/** docs/configuration.md lists every field. */
export type Config = CloudConfig | VaultConfig | PluginConfig;

// Calls

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

/** A query's parameter, decoded: whatever it is, and an array where it stands more than once. */
export type QueryValue = string | string[];

/** What becomes of a grant when a provider says this. */
export type FailureKind = 'permanent' | 'misconfigured' | 'transient';

/**
 * A fetched token, with Descope's field names. accessToken, refreshToken and credentials can be read, and nothing
 * else shows them: not util.inspect, console.log, JSON.stringify, {...token} or structuredClone.
 */
export class Token {
  private constructor();
  /** The access token or API key. A secret. */
  readonly accessToken: string;
  /** Only with options.withRefreshToken. A secret. */
  readonly refreshToken: string | undefined;
  /** With an API key: what belongs to it, such as a user name. Secret. */
  readonly credentials: Readonly<Record<string, string>> | undefined;
}

export interface Token extends TokenDescription {}

// The client

/**
 * An open backend. Opening does no network traffic. Calls run side by side, thousands on one event loop without a
 * thread each; an idle client lets the process end. Close it when it is no longer needed: by `await using`, by
 * `close()`, or else it is closed when it is collected or its thread ends.
 *
 * Every method's promise rejects with a {@link ConnError}, or with the reason of `options.signal`.
 */
export class Client {
  /** @throws {ConnError} invalid_config with `field`; misconfigured when the library cannot be loaded */
  constructor(config: Config);

  /** What the config named. */
  readonly backend: 'cloud' | 'vault' | 'plugin';

  /** All that listTokens has, page after page: `limit` and `options` are for each of them. */
  listAll(fields: ListFields, options?: CallOptions): AsyncGenerator<TokenInfo, void, undefined>;

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
type NamedBySymbol<Name extends string, Method> = SymbolConstructor extends
  { readonly [name in Name]: infer Key extends symbol } ? { [key in Key]: Method } : {};

/** By `await using`: as close without a limit. */
interface ClosedByAwaitUsing extends NamedBySymbol<'asyncDispose', () => Promise<void>> {}

/**
 * By `using`: closes without waiting. Calls in flight are rejected as cancelled. What must finish does so in the
 * background, and the end of the process waits for it.
 */
interface ClosedByUsing extends NamedBySymbol<'dispose', () => void> {}

export interface Client extends Operations, ClosedByAwaitUsing, ClosedByUsing {}

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

/**
 * Why a call failed, and the class of what this version has no other class for. The message is for people; it never holds
 * a token, a key or a request.
 */
export class ConnError extends Error {
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

/** The request is wrong; field names the part. */
export class InvalidRequestError extends ConnError {
  readonly code: 'invalid_request';
}

/** The configuration is wrong; field names the part. */
export class InvalidConfigError extends ConnError {
  readonly code: 'invalid_config';
}

/** The management key or access token is missing, wrong or expired. */
export class UnauthorizedError extends ConnError {
  readonly code: 'unauthorized';
}

/** A policy denies it. Asking the user to connect does not help. */
export class ForbiddenError extends ConnError {
  readonly code: 'forbidden';
}

/** No such token or connection; reason tells which of the four cases it is. */
export class NotFoundError extends ConnError {
  readonly code: 'not_found';
  readonly reason: Reason;
}

/** The user must grant access first, at connectionUrl. */
export class ConnectionRequiredError extends ConnError {
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

/** It exists already, or somebody else changed it at the same time. */
export class ConflictError extends ConnError {
  readonly code: 'conflict';
}

/** Too many requests; retryAfterMs says when to come back. */
export class RateLimitedError extends ConnError {
  readonly code: 'rate_limited';
}

/** The call's time was up. */
export class TimeoutError extends ConnError {
  readonly code: 'timeout';
}

/** The client was closed while the call was running. */
export class CancelledError extends ConnError {
  readonly code: 'cancelled';
}

/** The network or the server failed. Trying again later may help. */
export class UnavailableError extends ConnError {
  readonly code: 'unavailable';
}

/** The OAuth provider refused; errorCode and errorDescription are its own words. */
export class ProviderError extends ConnError {
  readonly code: 'provider_error';
}

/** The operator's fault, such as a wrong client secret. Never ask the user to connect again. */
export class MisconfiguredError extends ConnError {
  readonly code: 'misconfigured';
}

/** This backend has no such operation. */
export class UnsupportedError extends ConnError {
  readonly code: 'unsupported';
}

/** The request is too large, or too many calls are in flight. */
export class LimitError extends ConnError {
  readonly code: 'limit';
}

/** A fault of the library itself. */
export class InternalError extends ConnError {
  readonly code: 'internal';
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
