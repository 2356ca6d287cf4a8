import * as package_ from 'descope-conn';
import check from './check.js';

await check(package_, ...process.argv.slice(2));
