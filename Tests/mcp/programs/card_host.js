'use strict';

// A host of MCP Apps with one card, in a page of nothing but what the card needs: { html, results, refuses } on standard
// input. It gives the card a tool's results one after the other, clicks the first button of each, and then the one that
// says that all is done. On standard output: what the card sent, and what it showed.

const { readFileSync } = require('node:fs');
const vm = require('node:vm');

const { html, results, refuses } = JSON.parse(readFileSync(0, 'utf8'));

class Element {
  constructor(name) {
    this.name = name;
    this.hidden = false;
    this.textContent = '';
    this.children = [];
    this.listeners = [];
    this.style = { setProperty() {} };
  }

  append(...children) {
    this.children.push(...children);
  }
  replaceChildren(...children) {
    this.children = children;
  }
  addEventListener(_, listener) {
    this.listeners.push(listener);
  }
  click() {
    for (const listener of this.listeners) listener();
  }
  getBoundingClientRect() {
    return { width: 400, height: 120 };
  }
}

const ids = [...html.matchAll(/<(\w+) id="(\w+)"([^>]*)>/g)];
const elements = Object.fromEntries(ids.map(([, name, id, rest]) => {
  const element = new Element(name);
  element.hidden = rest.includes('hidden');
  return [id, element];
}));
const document = {
  documentElement: new Element('html'),
  getElementById: (id) => elements[id],
  createElement: (name) => new Element(name),
};

const sent = [];
const listeners = [];
const host = { postMessage: (message) => sent.push(JSON.parse(JSON.stringify(message))) };
const window = { parent: host, addEventListener: (_, listener) => listeners.push(listener) };
const say = (data, source = host) => {
  for (const listener of listeners) listener({ source, data });
};
const turn = () =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/** Answers what the card has asked since. */
let answered = 0;
async function answer() {
  await turn();
  for (; answered < sent.length; answered++) {
    const { id, method } = sent[answered];
    if (id === undefined || method === undefined) continue;
    if (refuses && method !== 'ui/initialize') say({ jsonrpc: '2.0', id, error: { code: -32000, message: 'no' } });
    else say({ jsonrpc: '2.0', id, result: { hostContext: { theme: 'dark' } } });
  }
  await turn();
}

async function main() {
  const [, script] = html.match(/<script>([^]*)<\/script>/);
  vm.runInNewContext(script, { document, window, URL, Map, Promise, Math, Object, Error, String, Boolean });
  await answer();
  const shown = [];
  for (const result of results) {
    const params = result;
    say({ jsonrpc: '2.0', method: 'ui/notifications/tool-result', params }, {}); // somebody else's window
    say({ jsonrpc: '2.0', method: 'ui/notifications/tool-result', params });
    const buttons = elements.card.hidden ? [] : elements.connections.children;
    shown.push(buttons.map((button) => button.textContent));
    buttons[0]?.click();
    await answer();
    if (!elements.done.hidden) elements.done.click();
    await answer();
  }
  say({ jsonrpc: '2.0', id: 'end', method: 'ui/resource-teardown', params: {} });
  const heights = sent.filter(({ method }) => method?.endsWith('size-changed')).map(({ params }) => params.height);
  const all = [...Object.values(elements), ...elements.connections.children];
  process.stdout.write(JSON.stringify({ sent, shown, heights, texts: all.map(({ textContent }) => textContent) }));
}

main();
