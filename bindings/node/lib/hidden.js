'use strict';

const { inspect } = require('node:util');

/**
 * By operation, what lets its holder go on: secrets that have to be handed on, so that they are plain properties and in
 * JSON.stringify, but that nobody prints on purpose.
 */
const HIDDEN = new Map([
  ['complete', ['code']],
  ['device.start', ['flow']],
  ['export', ['tokens', 'apiKeys']],
]);

/** Has util.inspect, and console.log with it, print an operation's answer without these. */
function hide(op, answer) {
  const names = HIDDEN.get(op)?.filter((name) => answer[name] !== undefined);
  if (!names?.length) return;
  Object.defineProperty(answer, inspect.custom, {
    value(depth, options) {
      const shown = { ...this };
      for (const name of names) shown[name] = '(hidden)';
      return inspect(shown, { ...options, depth });
    },
  });
}

module.exports = { hide };
