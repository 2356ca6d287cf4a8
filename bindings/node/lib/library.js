'use strict';

// Finds libdescope_conn, loads it once, and checks that it is the one this package was written for.

const path = require('node:path');
const ffi = require('./ffi.js');
const { makeError } = require('./errors.js');

/** What this package needs: this major, and at least this minor. */
const ABI = { major: 1, minor: 0 };

const NAME = 'libdescope_conn.so.1';

/** The functions of include/descope_conn.h that are called. size_t has 64 bits on every platform of the package. */
const SIGNATURES = {
  descope_conn_abi: { arguments: [], return: 'uint32' },
  descope_conn_build_info: { arguments: [], return: 'pointer' },
  descope_conn_open: { arguments: ['buffer', 'uint64', 'buffer', 'buffer', 'buffer'], return: 'int32' },
  descope_conn_close: { arguments: ['uint64', 'uint32'], return: 'int32' },
  descope_conn_submit: { arguments: ['uint64', 'buffer', 'uint64', 'uint32', 'buffer'], return: 'int32' },
  descope_conn_next: { arguments: ['uint64', 'uint32', 'buffer', 'buffer', 'buffer', 'buffer'], return: 'int32' },
  descope_conn_event_fd: { arguments: ['uint64'], return: 'int32' },
  descope_conn_cancel: { arguments: ['uint64', 'uint64'], return: 'int32' },
  descope_conn_free: { arguments: ['pointer'], return: 'void' },
};

function candidates() {
  const chosen = process.env.DESCOPE_CONN_LIBRARY;
  return chosen ? [chosen] : [path.join(ffi.nativeFolder, NAME), NAME];
}

/** Throws unless a library of this version serves a package that needs ABI. */
function checkAbi(version) {
  const major = Math.floor(version / 1_000_000);
  const minor = Math.floor(version / 1000) % 1000;
  if (major !== ABI.major || minor < ABI.minor) {
    throw makeError({
      code: 'misconfigured',
      message: `it has version ${major}.${minor} of the interface, ` +
        `and this package needs ${ABI.major}.${ABI.minor} or a later ${ABI.major}.x`,
    });
  }
}

function load() {
  const failures = [];
  for (const file of candidates()) {
    try {
      const functions = ffi.open(file, SIGNATURES);
      checkAbi(functions.descope_conn_abi());
      return functions;
    } catch (error) {
      failures.push(`  ${file}: ${error.message}`);
    }
  }
  throw makeError({
    code: 'misconfigured',
    message: `The descope_conn library could not be loaded. Tried:\n${failures.join('\n')}\n` +
      'Set DESCOPE_CONN_LIBRARY to its path.',
  });
}

let functions;

/**
 * The library's functions by their C names. The first call loads it.
 * @throws {ConnError} misconfigured, with every path tried and the loader's own words
 */
function library() {
  functions ??= load();
  return functions;
}

/** What the library says of itself: its version, its backends, and the versions of the libraries in it. */
function buildInfo() {
  return JSON.parse(ffi.toString(library().descope_conn_build_info()));
}

module.exports = { library, buildInfo, checkAbi };
