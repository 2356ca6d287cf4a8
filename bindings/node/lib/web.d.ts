/**
 * The pages where users connect (docs/pages.md) and Descope's REST API (docs/api.md), for Node's `http` and whatever is
 * built on it, and for servers that answer a `Request` with a `Response`.
 *
 * @packageDocumentation
 */

import type { ApiCaller, Client, PagesHandleFields, PageUser } from './index.js';

/** Where the pages are mounted, what they say, and who is there. */
export interface Pages<Request> extends
  Pick<
    PagesHandleFields,
    'base' | 'signInUrl' | 'signOutUrl' | 'product' | 'notice' | 'apps' | 'exceptApps' | 'openerOrigin'
  > {
  /** Says who is signed in, by your session; nothing if nobody is. */
  session(request: Request): PageUser | null | undefined | Promise<PageUser | null | undefined>;
}

/** Who calls the API, where the host knows it by other means than management keys and JWTs. */
export interface Api<Request> {
  /** Says who calls; nothing to have the library look at the request's Authorization header. */
  caller?(request: Request): ApiCaller | null | undefined | Promise<ApiCaller | null | undefined>;
}

/** What of Node's `http.IncomingMessage` is used. */
export interface IncomingRequest extends AsyncIterable<unknown> {
  method?: string | undefined;
  url?: string | undefined;
  headers: { [name: string]: string | string[] | undefined };
  /** Where a framework has taken the mount off `url`, as Express does. */
  baseUrl?: unknown;
  /** Where a parser of bodies came first. */
  body?: unknown;
  /** Where a request came from, which management keys may be limited by. */
  socket?: { readonly remoteAddress?: string | undefined } | undefined;
}

/** What of Node's `http.ServerResponse` is used. */
export interface OutgoingResponse {
  readonly headersSent: boolean;
  writeHead(status: number, headers?: { [name: string]: string | number }): unknown;
  end(content?: unknown): unknown;
}

/**
 * A listener of `http.createServer`, and a middleware of Express and its kind. Errors go to `next`, where there is one;
 * otherwise the answer is 500.
 */
export function handler<Request extends IncomingRequest>(
  client: Client,
  pages: Pages<Request>,
): (request: Request, response: OutgoingResponse, next?: (error: unknown) => void) => Promise<void>;

/** What of a `Request` is used, as the Fetch standard has it. */
export interface FetchRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: object;
  readonly body: unknown;
}

/** A `Response`, where the DOM's types or Node's declare it. */
export type FetchResponse = typeof globalThis extends { Response: { prototype: infer Declared } } ? Declared : object;

/** Answers a `Request` with a `Response`. It rejects with a {@link ConnError}. */
export function fetchHandler<Request extends FetchRequest>(
  client: Client,
  pages: Pages<Request>,
): (request: Request) => Promise<FetchResponse>;

/**
 * The API, as {@link handler} has the pages. It takes the socket's address for that of whoever calls; behind a proxy that
 * is the proxy's.
 */
export function apiHandler<Request extends IncomingRequest>(
  client: Client,
  api?: Api<Request>,
): (request: Request, response: OutgoingResponse, next?: (error: unknown) => void) => Promise<void>;

/**
 * Answers a `Request` to the API with a `Response`. It rejects with a {@link ConnError}. A `Request` does not tell where
 * it came from: say so, if management keys are limited to addresses.
 */
export function apiFetchHandler<Request extends FetchRequest>(
  client: Client,
  api?: Api<Request>,
): (request: Request, from?: { address?: string }) => Promise<FetchResponse>;
