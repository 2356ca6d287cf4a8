'use strict';

// What MCP clients send, reduced to what the core looks at. The rest is theirs, and may be what the core refuses from its
// caller: numbers of any size, NUL, lone surrogates, hundreds of levels, megabytes. None of that may cost a user the URL.

const { createHash } = require('node:crypto');

const UI_EXTENSION = 'io.modelcontextprotocol/ui';
const TEXT_LIMIT = 256;
const NAME_LIMIT = 4096;
const STATE_LIMIT = 65_536;

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether it is a short text that the core takes from its caller. */
const isPlain = (value) =>
  typeof value === 'string' && value.length > 0 && value.length <= TEXT_LIMIT &&
  value.isWellFormed() && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value);

function tagged(tag, number) {
  const bytes = Buffer.alloc(9);
  bytes.write(tag, 'latin1');
  bytes.writeBigUInt64BE(BigInt(number), 1);
  return bytes;
}

function textOf(value) {
  return Buffer.concat([tagged('s', value.length), Buffer.from(value, 'utf16le').swap16()]);
}

function numberOf(value) {
  const bytes = Buffer.alloc(9);
  bytes.write('d', 'latin1');
  bytes.writeDoubleBE(Number(value) || 0, 1); // there is no negative zero
  return Number.isNaN(Number(value)) ? Buffer.from('d\x7f\xf8\0\0\0\0\0\0', 'latin1') : bytes;
}

/**
 * What stands for a call's arguments: SHA-256 of their canonical form (docs/mcp.md), in base64url. Numbers count as
 * binary64, and members that are null not at all: when clients write a call anew, 1 may become 1.0, and null be left out.
 */
function argumentsDigest(args) {
  const hash = createHash('sha256');
  // Not by recursion: arguments may nest deeper than the stack. Buffers are parts of the form that are made already.
  const todo = [args];
  while (todo.length > 0) {
    const value = todo.pop();
    if (Buffer.isBuffer(value)) hash.update(value);
    else if (value === null || value === undefined) hash.update('n');
    else if (typeof value === 'boolean') hash.update(value ? 't' : 'f');
    else if (typeof value === 'string') hash.update(textOf(value));
    else if (typeof value === 'number' || typeof value === 'bigint') hash.update(numberOf(value));
    else if (Array.isArray(value)) {
      hash.update(tagged('a', value.length));
      for (let index = value.length - 1; index >= 0; index--) todo.push(value[index]);
    } else if (typeof value === 'object') {
      const names = Object.keys(value).filter((name) => value[name] !== undefined && value[name] !== null).sort();
      hash.update(tagged('o', names.length));
      for (const name of names.reverse()) todo.push(value[name], textOf(name));
    } else {
      throw new TypeError(`${typeof value} is in no JSON`);
    }
  }
  return hash.digest('base64url');
}

/** How its user can be asked, of what a client declared. */
function declaredCapabilities(capabilities) {
  if (!isObject(capabilities)) return undefined;
  const declared = {};
  const { elicitation, extensions } = capabilities;
  if (isObject(elicitation)) {
    const modes = ['form', 'url'].filter((mode) => isObject(elicitation[mode]));
    declared.elicitation = Object.fromEntries(modes.map((mode) => [mode, {}]));
  }
  const mimeTypes = isObject(extensions) && isObject(extensions[UI_EXTENSION]) && extensions[UI_EXTENSION].mimeTypes;
  if (Array.isArray(mimeTypes)) {
    declared.extensions = { [UI_EXTENSION]: { mimeTypes: mimeTypes.slice(0, 16).filter(isPlain) } };
  }
  return declared;
}

/** The name and the version of a client, as it says. */
function knownClient(clientInfo) {
  if (!isObject(clientInfo)) return undefined;
  return Object.fromEntries(
    ['name', 'version'].filter((key) => isPlain(clientInfo[key]))
      .map((key) => [key, clientInfo[key]]),
  );
}

/** What the user chose, and the codes that the user typed. */
function inputAnswers(responses) {
  if (!isObject(responses)) return undefined;
  const answers = {};
  for (const [key, response] of Object.entries(responses)) {
    if (!isPlain(key) || key === '__proto__' || !isObject(response)) continue;
    answers[key] = {};
    if (['accept', 'decline', 'cancel'].includes(response.action)) answers[key].action = response.action;
    const code = isObject(response.content) ? typedCode(response.content.code) : undefined;
    if (code !== undefined) answers[key].content = { code };
  }
  return answers;
}

/**
 * The code that somebody has typed, which may come as the number that its digits are, without the first zeros. A text
 * without digits is none: models fill in what they have nothing for.
 */
function typedCode(value) {
  if (typeof value === 'string') {
    const text = value.slice(0, TEXT_LIMIT);
    return /\p{Nd}/u.test(text) ? text : undefined;
  }
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) return undefined;
  return value < 0 ? undefined : String(value).padStart(6, '0').slice(0, TEXT_LIMIT);
}

/** The name of a tool or prompt, or the URI of a resource; of one that is too long, its digest stands for the rest. */
function callName(name) {
  if (typeof name !== 'string' || name.length <= NAME_LIMIT) return name;
  const digest = createHash('sha256').update(Buffer.from(name, 'utf16le')).digest('hex');
  return `${name.slice(0, TEXT_LIMIT)}... ${digest}`;
}

/** What is longer than any is none. */
const cut = (text, limit) => (typeof text === 'string' ? text.slice(0, limit) : text);

/** The digest in place of the arguments. Who gives both hears from the library that one is enough. */
function argumentsFields({ arguments: args, argumentsDigest: digest }) {
  if (digest !== undefined && digest !== null) return {};
  if (args === undefined || args === null) return { arguments: undefined };
  return { arguments: undefined, argumentsDigest: argumentsDigest(args) };
}

/** By field, what is left of what a client said. */
const REDUCED = {
  name: callName,
  protocolVersion: (version) => cut(version, TEXT_LIMIT),
  requestState: (state) => cut(state, STATE_LIMIT),
  capabilities: declaredCapabilities,
  clientInfo: knownClient,
  inputResponses: inputAnswers,
};

/** Fields of mcp.answer or mcp.resume, with what a client said reduced. */
function reduced(fields = {}) {
  const request = { ...fields, ...argumentsFields(fields) };
  for (const [name, reduce] of Object.entries(REDUCED)) {
    if (name in request) request[name] = reduce(request[name]);
  }
  return request;
}

module.exports = { argumentsDigest, reduced, typedCode };
