'use strict';

// The strict Descope server of Tests/servers over TLS, with certificates that are made for the test.

const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

const root = path.join(__dirname, '..', '..', '..', '..');
const ownPython = path.join(root, '.venv', 'bin', 'python');
const python = fs.existsSync(ownPython) ? ownPython : 'python3';

/** A folder with the files of Tests/servers/certs.py. */
function makeCertificates() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'descope-conn-tls-'));
  execFileSync(python, [path.join(root, 'Tests', 'servers', 'certs.py'), folder], { stdio: 'inherit' });
  return folder;
}

/** Starts a server with one of the certificates. Resolves with the config for it, and what stops it. */
async function startDescope(folder, certificate) {
  const files = ['pem', 'key'].map((kind) => path.join(folder, `${certificate}.${kind}`));
  const server = spawn(python, [path.join(root, 'Tests', 'servers', 'descope'), '--tls', ...files], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = await once(readline.createInterface(server.stdout), 'line');
  return {
    config: {
      backend: 'cloud',
      projectId: 'P2testtesttesttesttesttest01',
      managementKey: 'K2testmanagementkey',
      baseUrl: `https://127.0.0.1:${Number(line.split(' ')[1])}`,
      proxy: '',
      retry: { attempts: 1 },
    },
    async stop() {
      const ended = once(server, 'exit');
      server.stdin.end();
      await ended;
    },
  };
}

module.exports = { makeCertificates, startDescope };
