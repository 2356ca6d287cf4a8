'use strict';

require('./check.js')(require('descope-conn'), ...process.argv.slice(2));
