'use strict';

// Runs a program of test/programs in a Node of its own, to its natural end.

const { execFile } = require('node:child_process');
const path = require('node:path');

/** Resolves with { code, stdout, stderr }. A program that has not ended after 30 seconds is killed: code is null. */
function run(program, { args = [], flags = [], env = {}, cwd } = {}) {
  const file = path.isAbsolute(program) ? program : path.join(__dirname, '..', 'programs', program);
  const options = { cwd, timeout: 30_000, killSignal: 'SIGKILL', env: { ...process.env, ...env } };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [...flags, file, ...args], options, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout, stderr });
    });
  });
}

module.exports = { run };
