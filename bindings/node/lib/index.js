'use strict';

const { Client } = require('./client.js');
const { Token } = require('./token.js');
const { DescopeConnError, ConnectionRequiredError, errorCodes } = require('./errors.js');
const { buildInfo } = require('./library.js');

module.exports = { Client, Token, DescopeConnError, ConnectionRequiredError, errorCodes, buildInfo };
