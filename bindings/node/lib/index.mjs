export { buildInfo, Client, ConnectionRequiredError, DescopeConnError, errorCodes, Token } from './index.js';
