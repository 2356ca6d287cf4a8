export { apiFetchHandler, apiHandler, fetchHandler, handler } from './web.js';
