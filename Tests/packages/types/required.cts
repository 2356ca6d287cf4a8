// As CommonJS has it.

import conn = require('descope-conn');
import mcp = require('descope-conn/mcp');

const client = new conn.Client({ backend: 'cloud' });
export const connections = new mcp.Connections(client, { redirectUrl: 'https://a.example' });
// @ts-expect-error
new conn.Client({ backend: 'cloud', projectID: 'P' });
