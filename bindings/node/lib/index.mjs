export { Client, Token, DescopeConnError, ConnectionRequiredError, errorCodes, buildInfo } from './index.js';
