/**
 * Connections for tools of MCP servers, whatever implements the server: requests and answers are plain objects.
 *
 * @packageDocumentation
 */

import { Client, Token } from './index.js';

/** Whose request it is, as its verified token says: never as its arguments say. */
export interface Caller {
  userId?: string;
  tenantId?: string;
  /** The user's Descope access token. For Descope's cloud, which makes connect URLs for whoever it names. */
  accessToken?: string;
}

/** A connection that a tool needs. */
export interface Connection {
  appId: string;
  scopes?: string[];
  externalIdentifier?: string;
  /**
   * Your own page where the user connects, in place of the URL that `connect` makes: needed for API keys in the vault.
   * Nothing secret may be in it, and it must check who opens it.
   */
  connectUrl?: string;
}

/** A request of an MCP client: tools/call, prompts/get or resources/read. */
export interface McpRequest {
  method: string;
  /** As they came. */
  params: object;
  /** What the client and the server agreed on at initialize; requests from 2026-07-28 on say it themselves. */
  protocolVersion?: string;
  /** What the client declared at initialize; requests from 2026-07-28 on say it themselves. */
  capabilities?: object;
}

/** The tokens, by the names they were asked for; or what to answer in their place, beside jsonrpc and id. */
export type Prepared<Name extends string> =
  | { tokens: Record<Name, Token>; answer?: undefined }
  | { tokens?: undefined; answer: { result: object } | { error: { code: number; message: string; data?: object } } };

export interface ConnectionsOptions {
  /** Where the user's browser ends up. */
  redirectUrl: string;
  /** How long a retried request waits for the user, in milliseconds. 20000 unless said otherwise. */
  waitMs?: number;
}

export class Connections {
  constructor(client: Client, options: ConnectionsOptions);

  /**
   * Fetches what a request needs, or says how to answer it: what the user has not granted is asked for at once, and a
   * request that comes again waits for the user. Bad states and what else the core refuses are answers too.
   */
  prepare<Name extends string>(
    request: McpRequest, needed: Record<Name, Connection>, caller: Caller,
  ): Promise<Prepared<Name>>;
}
