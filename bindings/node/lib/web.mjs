export { fetchHandler, handler } from './web.js';
