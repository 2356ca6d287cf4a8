'use strict';

/** Why a call failed. Every field of the library's error object is a property of its own. */
class ConnError extends Error {
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

/** The request is wrong; field names the part. */
class InvalidRequestError extends ConnError {}

/** The configuration is wrong; field names the part. */
class InvalidConfigError extends ConnError {}

/** The management key or access token is missing, wrong or expired. */
class UnauthorizedError extends ConnError {}

/** A policy denies it. Asking the user to connect does not help. */
class ForbiddenError extends ConnError {}

/** No such token or connection; reason tells which of the four cases it is. */
class NotFoundError extends ConnError {}

/** Somebody has to grant access first, at connectionUrl. */
class ConnectionRequiredError extends ConnError {
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

/** It exists already, or somebody else changed it at the same time. */
class ConflictError extends ConnError {}

/** Too many requests; retryAfterMs says when to come back. */
class RateLimitedError extends ConnError {}

/** The call's time was up. */
class TimeoutError extends ConnError {}

/** The client was closed while the call was running. */
class CancelledError extends ConnError {}

/** The network or the server failed. Trying again later may help. */
class UnavailableError extends ConnError {}

/** The OAuth provider refused; errorCode and errorDescription are its own words. */
class ProviderError extends ConnError {}

/** The operator's fault, such as a wrong client secret. Never ask the user to connect again. */
class MisconfiguredError extends ConnError {}

/** This backend has no such operation. */
class UnsupportedError extends ConnError {}

/** The request is too large, or too many calls are in flight. */
class LimitError extends ConnError {}

/** A fault of the library itself. */
class InternalError extends ConnError {}

/** Every error code of the library, with its class. A later library may know more codes: they are ConnError. */
const CLASSES = new Map([
  ['invalid_request', InvalidRequestError],
  ['invalid_config', InvalidConfigError],
  ['unauthorized', UnauthorizedError],
  ['forbidden', ForbiddenError],
  ['not_found', NotFoundError],
  ['connection_required', ConnectionRequiredError],
  ['conflict', ConflictError],
  ['rate_limited', RateLimitedError],
  ['timeout', TimeoutError],
  ['cancelled', CancelledError],
  ['unavailable', UnavailableError],
  ['provider_error', ProviderError],
  ['misconfigured', MisconfiguredError],
  ['unsupported', UnsupportedError],
  ['limit', LimitError],
  ['internal', InternalError],
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
  return makeError(
    answer?.error ?? STATUSES.get(status) ?? { code: 'internal', message: `Unknown status ${status}` },
  );
}

/** An error of its code's class. */
function makeError(error) {
  const Class = CLASSES.get(error.code) ?? ConnError;
  return new Class(error);
}

const errorCodes = Object.freeze([...CLASSES.keys()]);

module.exports = {
  ConnError,
  InvalidRequestError,
  InvalidConfigError,
  UnauthorizedError,
  ForbiddenError,
  NotFoundError,
  ConnectionRequiredError,
  ConflictError,
  RateLimitedError,
  TimeoutError,
  CancelledError,
  UnavailableError,
  ProviderError,
  MisconfiguredError,
  UnsupportedError,
  LimitError,
  InternalError,
  errorFrom,
  makeError,
  errorCodes,
};
