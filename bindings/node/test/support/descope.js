'use strict';

// A small Descope: a real HTTP server, on this thread's event loop, that answers by the id of the app it is asked
// for. Whatever is answered here proves that the call did not block the loop.
//
//   held-*    is answered when the test says so
//   missing   is not found
//   busy      is over its rate limit for seven seconds
//   others    have a token

const { once } = require('node:events');
const http = require('node:http');

const PROJECT_ID = 'P' + 'a'.repeat(27);

const ANSWERS = {
  missing: [404, { errorCode: 'E111504', errorDescription: 'Token not found' }],
  busy: [429, { errorCode: 'E130429', errorDescription: 'Rate limit exceeded' }, { 'Retry-After': '7' }],
};

const connectUrl = (appId) => `https://connect.example.com/?appId=${appId}`;

function token({ appId, userId }) {
  return {
    id: `token-of-${appId}`,
    appId,
    userId,
    accessToken: `secret-of-${appId}`,
    accessTokenType: 'Bearer',
    accessTokenExpiry: '4102444800',
    hasRefreshToken: true,
    refreshToken: `refresh-secret-of-${appId}`,
    scopes: ['read'],
  };
}

async function startDescope() {
  const held = new Map();
  const server = http.createServer(async (request, response) => {
    const send = (status, body, headers) => {
      response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
      response.end(JSON.stringify(body));
    };
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    if (request.url === '/v1/mgmt/license') return send(200, { rateLimitTier: 'tier1' });
    const fields = JSON.parse(text);
    if (request.url === '/v1/mgmt/outbound/app/connect') return send(200, { url: connectUrl(fields.appId) });
    if (ANSWERS[fields.appId]) return send(...ANSWERS[fields.appId]);
    const answer = () => send(200, { token: token(fields) });
    if (!fields.appId.startsWith('held-')) return answer();
    held.set(fields.appId, answer);
    server.emit(fields.appId);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    /** What to open a client with. */
    config: {
      backend: 'cloud',
      projectId: PROJECT_ID,
      managementKey: 'management-key',
      baseUrl: `http://127.0.0.1:${server.address().port}`,
      retry: { attempts: 1 },
      timeoutMs: 60_000, // far longer than any test takes
    },
    /** Resolves when the server has the request for a held app. */
    async received(appId) {
      if (!held.has(appId)) await once(server, appId);
    },
    /** Answers the request for a held app. */
    release(appId) {
      held.get(appId)();
    },
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

module.exports = { startDescope, connectUrl };
