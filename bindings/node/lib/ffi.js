'use strict';

// Calls into C, through the package's own addon where it is built, and else through node:ffi, which Node has since
// 26.1 and calls experimental. Both offer the same functions (addon/ffi.c says which), but for atTeardown.

const fs = require('node:fs');
const { isBuiltin } = require('node:module');
const path = require('node:path');
const { makeError } = require('./errors.js');

/** Where the package keeps its binaries for this platform. Electron's archives are no place to load them from. */
const nativeFolder = path.join(__dirname, '..', 'native', `${process.platform}-${process.arch}`)
  .replace(`app.asar${path.sep}`, `app.asar.unpacked${path.sep}`);

function choose() {
  const addon = path.join(nativeFolder, 'ffi.node');
  if (fs.existsSync(addon)) return require(addon);
  if (isBuiltin('node:ffi')) return require('node:ffi');
  throw makeError({
    code: 'misconfigured',
    message: `${addon} is not there, and Node ${process.version} has no node:ffi. The package's build.sh builds it.`,
  });
}

const { dlopen, toBuffer, toString, atTeardown = () => () => {} } = choose();

/** The first versions of node:ffi close a library that only its functions are left of. */
const opened = [];

/**
 * Loads a library for good and returns its functions.
 * @param {string | null} file null: the process itself
 * @param {object} signatures by symbol: { arguments: [type, ...], return: type }
 * @throws {Error} with the loader's own words
 */
function open(file, signatures) {
  const library = dlopen(file, signatures);
  opened.push(library);
  return library.functions;
}

module.exports = { open, toBuffer, toString, atTeardown, nativeFolder };
