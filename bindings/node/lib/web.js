'use strict';

/** A longer body is not read to its end: the answer is 413. */
const MAX_BODY_BYTES = 65536;

/** Of a path or a query that is longer, the rest is not read. */
const MAX_TARGET = 65536;

/** A path below the one that the pages are mounted at. Frameworks such as Express take it off before. */
function below(base, path) {
  const mount = new URL(base).pathname.replace(/\/$/, '');
  return path === mount || path.startsWith(`${mount}/`) ? path.slice(mount.length) : path;
}

/** The headers that the pages read. */
const HEADERS = ['accept-language', 'content-type', 'origin', 'sec-fetch-site'];

/** What handlePage calls a request, beside the pages' own settings. */
function describe({ base, session: _, ...pages }, { method, target, isBelow, header, body, user }) {
  const split = target.indexOf('?');
  const path = split < 0 ? target : target.slice(0, split);
  return {
    ...pages,
    base,
    method,
    path: decode(isBelow ? path : below(base, path)).slice(0, MAX_TARGET),
    query: split < 0 ? '' : target.slice(split + 1, split + 1 + MAX_TARGET),
    headers: Object.fromEntries(HEADERS.map((name) => [name, header(name)]).filter(([, value]) => value)),
    body,
    user: user ?? undefined,
  };
}

function decode(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // there is no such page
  }
}

/** A request's body, which a parser may have read before. */
async function bodyOf(request) {
  const parsed = request.body;
  if (typeof parsed === 'string') return parsed.slice(0, MAX_BODY_BYTES + 1);
  if (parsed instanceof Uint8Array) return Buffer.from(parsed).subarray(0, MAX_BODY_BYTES + 1).toString();
  // Some parsers leave an empty object behind where they have read nothing.
  const isForm = typeof parsed === 'object' && parsed !== null && Object.keys(parsed).length > 0;
  if (isForm) return new URLSearchParams(parsed).toString().slice(0, MAX_BODY_BYTES + 1);
  return await read(request);
}

async function read(stream) {
  const chunks = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_BODY_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES + 1).toString();
}

function handler(client, pages) {
  return async (request, response, next) => {
    try {
      const user = await pages.session(request);
      const answer = await client.handlePage(describe(pages, {
        method: request.method,
        target: request.url,
        isBelow: Boolean(request.baseUrl), // where Express has mounted it
        header: (name) => request.headers[name],
        body: await bodyOf(request),
        user,
      }));
      const content = Buffer.from(answer.body);
      const length = request.method === 'HEAD' ? {} : { 'content-length': content.length };
      response.writeHead(answer.status, { ...answer.headers, ...length });
      response.end(content);
    } catch (error) {
      if (next) return next(error);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    }
  };
}

function fetchHandler(client, pages) {
  return async (request) => {
    const user = await pages.session(request);
    const { pathname, search } = new URL(request.url);
    const answer = await client.handlePage(describe(pages, {
      method: request.method,
      target: pathname + search,
      isBelow: false,
      header: (name) => request.headers.get(name),
      body: request.body ? await read(request.body) : '',
      user,
    }));
    const isEmpty = answer.status === 303 || request.method === 'HEAD';
    return new Response(isEmpty ? null : answer.body, { status: answer.status, headers: answer.headers });
  };
}

module.exports = { handler, fetchHandler };
