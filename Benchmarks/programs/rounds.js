// Rounds of calls, as harness/measure.py orders them.
'use strict';
const readline = require('node:readline');

exports.serve = async (call) => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const times = [];
    for (let left = Number(line); left > 0; left--) {
      const start = process.hrtime.bigint();
      await call();
      times.push(Number(process.hrtime.bigint() - start) / 1e3);
    }
    const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
    times.sort((left, right) => left - right);
    const at = (share) => times[Math.floor(times.length * share)];
    console.log(JSON.stringify({ p50: at(0.5), p99: at(0.99), mean }));
  }
};
