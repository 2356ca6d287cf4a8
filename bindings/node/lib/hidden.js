'use strict';

const { inspect } = require('node:util');
const { secretMembers } = require('./operations.js');

/**
 * Has util.inspect, and console.log with it, print an operation's answer without its secrets. They have to be handed on, so
 * they are plain properties and in JSON.stringify, but nobody prints them on purpose.
 */
function hide(op, answer) {
  const names = secretMembers.get(op)?.filter((name) => answer[name] !== undefined);
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
