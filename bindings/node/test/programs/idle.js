'use strict';

// Fetches a token and ends without closing the client. The argument is the client's configuration.

const { Client } = require('descope-conn');

const client = new Client(JSON.parse(process.argv[2]));
client.fetchToken({ appId: 'mail', userId: 'u1' }).then((token) => console.log(token.id));
