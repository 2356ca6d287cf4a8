// Many fetches in flight on libuv's loop, which ticks every 10 ms meanwhile: `together.js CONFIG COUNT`. Prints what
// together.py prints.
'use strict';
const { readdirSync } = require('node:fs');
const { Client } = require('../../bindings/node');

async function main(config, count) {
  const client = new Client(config);
  const request = { appId: 'crm', userId: 'user 7' };
  await client.fetchToken(request);
  const ticks = [];
  const timer = setInterval(() => ticks.push(performance.now()), 10);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const start = performance.now();
  const fetches = Array.from({ length: count }, () => client.fetchToken(request));
  const submitted = performance.now();
  await fetches[0];
  const threads = readdirSync('/proc/self/task').length;
  await Promise.all(fetches);
  const end = performance.now();
  clearInterval(timer);
  const later = [submitted, ...ticks.filter((tick) => tick > submitted)];
  const gap = Math.max(...later.slice(1).map((tick, index) => tick - later[index]));
  await client.close();
  const mebibytes = process.resourceUsage().maxRSS / 1024;
  console.log(
    JSON.stringify({ gap, submitting: submitted - start, seconds: (end - start) / 1e3, mebibytes, threads }),
  );
}

main(JSON.parse(process.argv[2]), Number(process.argv[3]));
