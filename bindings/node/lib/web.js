'use strict';

/** Of a path or a query that is longer, the rest is not read. */
const MAX_TARGET = 65536;

/** The answer where a request, as the library gets it, is beyond what it takes. */
const TOO_LARGE = {
  status: 413,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  body: '{"errorCode":"E011003","errorDescription":"the request is too large"}',
};

/** The headers that the pages read. */
const PAGE_HEADERS = ['accept-language', 'content-type', 'origin', 'sec-fetch-site', 'traceparent'];

/** What the pages and the API have of their own. A body that is longer than maxBodyBytes is not read to its end. */
const pagesKind = {
  operation: 'handlePage',
  maxBodyBytes: 65536,
  encode: (parsed) => new URLSearchParams(parsed).toString(),
  who: ({ session }, request) => session(request),
  describe: ({ base, session: _, ...pages }, { path, isBelow, header, address: _address, ...rest }, user) => ({
    ...pages,
    ...rest,
    base,
    path: decode(isBelow ? path : below(base, path)),
    headers: Object.fromEntries(PAGE_HEADERS.map((name) => [name, header(name)]).filter(([, value]) => value)),
    user,
  }),
};
const apiKind = {
  operation: 'handleApi',
  maxBodyBytes: 900_000,
  encode: (parsed) => JSON.stringify(parsed),
  who: ({ caller }, request) => caller?.(request),
  describe: (_, { path, isBelow: _isBelow, header, address, ...rest }, caller) => ({
    ...rest,
    path: decode(path),
    authorization: header('authorization') || undefined,
    sessionCookie: cookie(header('cookie') ?? '', 'DS'),
    address,
    origin: header('origin') ?? undefined,
    traceparent: header('traceparent') ?? undefined,
    caller,
  }),
};

/** A path below the one that the pages are mounted at. Frameworks such as Express take it off before. */
function below(base, path) {
  const mount = new URL(base).pathname.replace(/\/$/, '');
  return path === mount || path.startsWith(`${mount}/`) ? path.slice(mount.length) : path;
}

function decode(path) {
  try {
    return decodeURIComponent(path).slice(0, MAX_TARGET);
  } catch {
    return path.slice(0, MAX_TARGET); // there is no such page
  }
}

/** The value of a cookie (RFC 6265 section 4.2.1); undefined where it is absent or empty. */
function cookie(header, name) {
  const pair = header.split(';').map((text) => text.trim()).find((text) => text.startsWith(`${name}=`));
  return pair?.slice(name.length + 1) || undefined;
}

/** A request's body, which a parser may have read before. */
async function bodyOf(request, kind) {
  const parsed = request.body;
  const most = kind.maxBodyBytes + 1;
  if (typeof parsed === 'string') return parsed.slice(0, most);
  if (parsed instanceof Uint8Array) return Buffer.from(parsed).subarray(0, most).toString();
  // Some parsers leave an empty object behind where they have read nothing.
  const isParsed = typeof parsed === 'object' && parsed !== null && Object.keys(parsed).length > 0;
  if (isParsed) return kind.encode(parsed).slice(0, most);
  return await read(request, most);
}

async function read(stream, most) {
  const chunks = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= most) break;
  }
  return Buffer.concat(chunks).subarray(0, most).toString();
}

async function answer(client, kind, what, request, { target, body, ...rest }) {
  const who = await kind.who(what, request); // before a body is read, which takes its time
  const split = target.indexOf('?');
  const described = {
    method: request.method,
    path: split < 0 ? target : target.slice(0, split),
    query: split < 0 ? '' : target.slice(split + 1, split + 1 + MAX_TARGET),
    body: await body(),
    ...rest,
  };
  try {
    return await client[kind.operation](kind.describe(what, described, who ?? undefined));
  } catch (error) {
    if (error.code === 'limit') return TOO_LARGE;
    throw error;
  }
}

function listener(client, kind, what) {
  return async (request, response, next) => {
    try {
      const { status, headers, body } = await answer(client, kind, what, request, {
        target: request.url,
        isBelow: Boolean(request.baseUrl), // where Express has mounted it
        header: (name) => request.headers[name],
        body: () => bodyOf(request, kind),
        address: request.socket?.remoteAddress,
      });
      const content = Buffer.from(body);
      const length = request.method === 'HEAD' || status === 204 ? {} : { 'content-length': content.length };
      response.writeHead(status, { ...headers, ...length });
      response.end(content);
    } catch (error) {
      if (next) return next(error);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    }
  };
}

function responder(client, kind, what) {
  return async (request, { address } = {}) => {
    const { pathname, search } = new URL(request.url);
    const { status, headers, body } = await answer(client, kind, what, request, {
      target: pathname + search,
      isBelow: false,
      header: (name) => request.headers.get(name),
      body: () => request.body ? read(request.body, kind.maxBodyBytes + 1) : '',
      address,
    });
    const isEmpty = [204, 303].includes(status) || request.method === 'HEAD';
    return new Response(isEmpty ? null : body, { status, headers });
  };
}

module.exports = {
  handler: (client, pages) => listener(client, pagesKind, pages),
  fetchHandler: (client, pages) => responder(client, pagesKind, pages),
  apiHandler: (client, api = {}) => listener(client, apiKind, api),
  apiFetchHandler: (client, api = {}) => responder(client, apiKind, api),
};
