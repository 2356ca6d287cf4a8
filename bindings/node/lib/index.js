'use strict';

// Each by its name, since that is how import finds them.
const {
  CancelledError,
  ConflictError,
  ConnectionRequiredError,
  ConnError,
  errorCodes,
  ForbiddenError,
  InternalError,
  InvalidConfigError,
  InvalidRequestError,
  LimitError,
  MisconfiguredError,
  NotFoundError,
  ProviderError,
  RateLimitedError,
  TimeoutError,
  UnauthorizedError,
  UnavailableError,
  UnsupportedError,
} = require('./errors.js');
const { Client } = require('./client.js');
const { Token } = require('./token.js');
const { buildInfo } = require('./library.js');

module.exports = {
  buildInfo,
  CancelledError,
  Client,
  ConflictError,
  ConnectionRequiredError,
  ConnError,
  errorCodes,
  ForbiddenError,
  InternalError,
  InvalidConfigError,
  InvalidRequestError,
  LimitError,
  MisconfiguredError,
  NotFoundError,
  ProviderError,
  RateLimitedError,
  TimeoutError,
  Token,
  UnauthorizedError,
  UnavailableError,
  UnsupportedError,
};
