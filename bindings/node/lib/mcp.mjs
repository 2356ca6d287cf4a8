export { Connections } from './mcp.js';
