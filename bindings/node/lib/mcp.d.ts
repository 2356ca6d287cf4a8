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
  /**
   * The user of this machine who has started the server: over stdio no token says so. Others may share the machine, so
   * the vault asks for a typed code, unless the options say otherwise.
   */
  local?: boolean;
  /** The user's Descope access token. For Descope's cloud, which makes connect URLs for whoever it names. */
  accessToken?: string;
}

/** A connection that a tool needs. */
export interface Connection {
  appId: string;
  scopes?: string[];
  externalIdentifier?: string;
  /**
   * Vault: the tool does with a token that lacks scopes which the user was asked for and did not grant; the token's
   * missingScopes says which. Otherwise the call fails then.
   */
  acceptNarrower?: boolean;
  /**
   * Your own page where the user connects, in place of the URL that `connect` makes. Nothing secret may be in it, and it
   * must check who opens it.
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
  /** Who the client said at initialize that it is; requests from 2026-07-28 on say it themselves. */
  clientInfo?: object;
  /**
   * Sends a notification to this client: notifications/progress while the request waits for its user, and, some time
   * after a request was answered with the error of 2025-11-25, notifications/elicitation/complete. Absent: none is sent.
   */
  notify?: (notification: { jsonrpc: '2.0'; method: string; params: object }) => unknown;
}

/** The tokens, by the names they were asked for; or what to answer in their place, beside jsonrpc and id. */
export type Prepared<Name extends string> =
  | { tokens: Record<Name, Token>; answer?: undefined }
  | { tokens?: undefined; answer: { result: object } | { error: { code: number; message: string; data?: object } } };

export interface ConnectionsOptions {
  /** Where the user's browser ends up. */
  redirectUrl: string;
  /** How long a retried request waits for the user, in milliseconds. 20000 by default. */
  waitMs?: number;
  /**
   * Vault: hold grants back until the user has typed, at the client, the code that complete answers and the browser
   * shows. A client without forms brings it in the argument `confirmation_code`; a tool may declare that in its
   * inputSchema. By default where the caller is local. False is for a machine with one user, or with pages
   * that sign users in.
   */
  confirmation?: boolean;
}

export class Connections {
  constructor(client: Client, options: ConnectionsOptions);

  /** The `_meta` of a tool whose results the card shows, where a connection is missing. */
  static readonly cardMeta: { readonly ui: { readonly resourceUri: string } };

  /**
   * The card that clients with MCP Apps show: what resources/list and resources/read have of it. Servers may leave it
   * out of the list.
   */
  card(): Promise<{
    resource: { uri: string; name: string; mimeType: string };
    contents: { uri: string; mimeType: string; text: string };
  }>;

  /**
   * Fetches what a request needs, or says how to answer it: what the user has not granted is asked for at once, and a
   * request that comes again waits for the user. Bad states and what else the core refuses are answers too.
   */
  prepare<Name extends string>(
    request: McpRequest,
    needed: Record<Name, Connection>,
    caller: Caller,
  ): Promise<Prepared<Name>>;
}
