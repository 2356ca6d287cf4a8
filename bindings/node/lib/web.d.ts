/**
 * The pages where users connect, for Node's `http` and whatever is built on it, and for servers that answer a `Request`
 * with a `Response`: docs/pages.md.
 *
 * @packageDocumentation
 */

import type { Client, PagesHandleFields, PageUser } from './index.js';

/** Where the pages are mounted, what they say, and who is there. */
export interface Pages<Request>
  extends Pick<PagesHandleFields, 'base' | 'signInUrl' | 'product' | 'apps' | 'openerOrigin'> {
  /** Says who is signed in, by your session; nothing if nobody is. */
  session(request: Request): PageUser | null | undefined | Promise<PageUser | null | undefined>;
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
