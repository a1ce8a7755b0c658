// BullMQ as its documentation has it: concurrency of the worker, completed jobs kept up to a number. See harness.py for the lines.
import { pbkdf2, pbkdf2Sync } from 'node:crypto';
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';

const require = createRequire(process.cwd() + '/');
const { Queue, Worker } = require('bullmq');
const burn = promisify(pbkdf2);
const PAYLOAD = '0123456789abcdef'.repeat(25);
const HOLD_MS = 20000, BRIEF_MS = 100, BULK = 500;
const now = () => Number(process.hrtime.bigint()) / 1000;
const say = (...words) => process.stdout.write(words.join(' ') + '\n');
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const [role, url, ...words] = process.argv.slice(2);
const { hostname: host, port } = new URL(url.includes('://') ? url : `redis://${url}`);
const connection = { host, port: Number(port), maxRetriesPerRequest: null };
const kept = { removeOnComplete: { age: 600 }, attempts: 5 };

async function submit() {
  const queue = new Queue('bench', { connection, defaultJobOptions: kept });
  await queue.waitUntilReady();
  say('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    const [verb, count, rate] = line.split(' ');
    if (verb === 'slow') say('id', (await queue.add('job', { payload: PAYLOAD })).id);
    else if (verb === 'result') say('result', (await queue.getJob(count))?.returnvalue ?? '-');
    else if (verb === 'paced') {
      for (let n = 0; n < Number(count); n++) {
        await sleep(1000 / Number(rate));
        await queue.add('job', { payload: String(now()) });
      }
      say('sent');
    } else {
      const begin = now();
      if (verb === 'bulk') {
        for (let at = 0; at < Number(count); at += BULK) {
          const many = Math.min(BULK, Number(count) - at);
          await queue.addBulk(Array.from({ length: many }, () => ({ name: 'job', data: { payload: PAYLOAD } })));
        }
      } else for (let n = 0; n < Number(count); n++) await queue.add('job', { payload: PAYLOAD });
      say('took', (now() - begin).toFixed(0));
    }
  }
  await queue.close();
}

async function work() {
  const [mode, count, iterations, slots, leaseMs, name] = words;
  let done = 0, first = 0;
  const worker = new Worker('bench', async (job) => {
    const at = now();
    if (mode === 'burn') {
      await burn('benchmark', 'benchmark', Number(iterations), 32, 'sha256');
      say('burnt', at.toFixed(0), now().toFixed(0));
    } else if (mode === 'hold' || mode === 'brief') {
      say('began', at.toFixed(0));
      await sleep(mode === 'hold' ? HOLD_MS : BRIEF_MS);
    } else if (mode === 'stamp') say('late', (at - Number(job.data.payload)).toFixed(1));
    else {
      if (++done === Math.floor(Number(count) / 4)) first = at;
      if (done === Number(count)) say('drained', first.toFixed(0), at.toFixed(0));
    }
    return name;
  }, {
    connection, autorun: false, concurrency: Number(slots), lockDuration: Number(leaseMs), stalledInterval: Number(leaseMs),
    maxStalledCount: 5,
  });
  worker.on('error', (error) => process.stderr.write(`${name}: ${error.message}\n`));
  await worker.waitUntilReady();
  say('ready');
  createInterface({ input: process.stdin }).once('line', () => worker.run());
}

// The same work without a queue: its floor is in the same language.
async function bare() {
  const [count, iterations] = words;
  say('ready');
  createInterface({ input: process.stdin }).once('line', async () => {
    for (let n = 0; n < Number(count); n++) {
      const at = now();
      await burn('benchmark', 'benchmark', Number(iterations), 32, 'sha256');
      say('burnt', at.toFixed(0), now().toFixed(0));
    }
    process.exit(0);
  });
}

function calibrate() {
  let best = Infinity;
  for (let n = 0; n < 20; n++) {
    const at = now();
    pbkdf2Sync('benchmark', 'benchmark', 2000, 32, 'sha256');
    best = Math.min(best, now() - at);
  }
  say('ready');
  say('iterations', Math.round((2000 * Number(words[0])) / best));
  process.exit(0);
}

await { submit, work, bare, calibrate }[role]();
