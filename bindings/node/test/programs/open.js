'use strict';

// Opens a client and prints the error.

const { Client } = require('descope-conn');

try {
  new Client({ backend: 'cloud' });
} catch ({ name, code, message }) {
  console.log(JSON.stringify({ name, code, message }));
}
