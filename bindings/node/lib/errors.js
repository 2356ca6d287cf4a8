'use strict';

/** Why a call failed. Every field of the library's error object is a property of its own. */
class DescopeConnError extends Error {
  /** @param {{code: string, message: string}} error the library's error object */
  constructor({ code, message, ...details }) {
    super(message);
    this.code = code;
    Object.assign(this, details);
  }

  get name() {
    return this.constructor.name;
  }
}

/** Somebody has to grant access first, at connectionUrl. */
class ConnectionRequiredError extends DescopeConnError {
  /** The structured answer that a tool hands to its caller, so that a person can follow the URL. */
  toJSON() {
    return {
      error: this.code,
      requiresConnection: true,
      connectionUrl: this.connectionUrl,
      message: this.message,
      appId: this.appId,
      missingScopes: this.missingScopes,
    };
  }
}

/** Every error code of the library, with its class. A later library may know more codes: they are DescopeConnError. */
const CLASSES = new Map([
  ['invalid_request', DescopeConnError],
  ['invalid_config', DescopeConnError],
  ['unauthorized', DescopeConnError],
  ['forbidden', DescopeConnError],
  ['not_found', DescopeConnError],
  ['connection_required', ConnectionRequiredError],
  ['conflict', DescopeConnError],
  ['rate_limited', DescopeConnError],
  ['timeout', DescopeConnError],
  ['cancelled', DescopeConnError],
  ['unavailable', DescopeConnError],
  ['provider_error', DescopeConnError],
  ['misconfigured', DescopeConnError],
  ['unsupported', DescopeConnError],
  ['limit', DescopeConnError],
  ['internal', DescopeConnError],
]);

/** The negative statuses that come without an error object, by their number in descope_conn.h. */
const STATUSES = new Map([
  [-1, { code: 'invalid_request', message: 'The library refused an argument' }],
  [-2, { code: 'invalid_request', message: 'The client is closed' }],
  [-3, { code: 'unsupported', message: 'The client was opened by another process' }],
  [-4, { code: 'timeout', message: 'The time is up' }],
  [-5, { code: 'cancelled', message: 'The call was cancelled' }],
  [-7, { code: 'limit', message: 'The request is larger than 1 MiB, or too many calls are in flight' }],
  [-8, { code: 'internal', message: 'Out of memory' }],
]);

/** The exception for a failed call: from the library's error object, or from the bare status where there is none. */
function errorFrom(status, answer) {
  const error = answer?.error ?? STATUSES.get(status) ?? { code: 'internal', message: `Unknown status ${status}` };
  const Class = CLASSES.get(error.code) ?? DescopeConnError;
  return new Class(error);
}

const errorCodes = Object.freeze([...CLASSES.keys()]);

module.exports = { DescopeConnError, ConnectionRequiredError, errorFrom, errorCodes };
