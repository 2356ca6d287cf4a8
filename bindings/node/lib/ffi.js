'use strict';

// Calls into C. Node has a module for it since 26.1; the package's own addon offers the same functions to older
// versions (addon/ffi.c says which part of the module both have).

const { isBuiltin } = require('node:module');
const path = require('node:path');

/** Where the package keeps its binaries for this platform. */
const nativeFolder = path.join(__dirname, '..', 'native', `${process.platform}-${process.arch}`);

const { dlopen, toBuffer, toString } = isBuiltin('node:ffi')
  ? require('node:ffi')
  : require(path.join(nativeFolder, 'ffi.node'));

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

module.exports = { open, toBuffer, toString, nativeFolder };
