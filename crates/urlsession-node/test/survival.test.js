// What survives: apps that are killed, that exit too early, that throw; and what their successors are told.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { after, before, test } = require('node:test');
const { runApp } = require('./support/app.js');
const { inHome, urlsession } = require('./support/home.js');
const { Session } = require('../index.js');
const { Server } = require('./support/server.js');

const DOWNLOADS = 100;
const KILLS = 25;
const LARGE = 2 * 1024 ** 3;
const ALLOWED_GROWTH = 30 * 1024 ** 2;

let server;
before(async () => { server = await Server.start(); });
after(() => server.stop());

test(`${DOWNLOADS} downloads survive ${KILLS} kills of their app`, async (t) => {
  const folder = inHome('many');
  fs.mkdirSync(folder);
  const seed = Number(process.env.URLSESSION_SEED ?? Date.now() % 1e6);
  t.diagnostic(`URLSESSION_SEED=${seed}`);
  const random = randomFrom(seed);
  const args = [server.url('/bytes/20000'), DOWNLOADS, folder];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const fatal = 1 + Math.floor(random() * 30);
    let seen = 0;
    const onLine = (_, child) => {
      seen += 1;
      if (seen === fatal) child.kill('SIGKILL');
    };
    const { code, signal, errors } = await runApp('many.js', args, { onLine });
    assert.ok(signal === 'SIGKILL' || code === 0, errors);
  }
  const { code, errors } = await runApp('many.js', args);
  assert.equal(code, 0, errors);

  const records = fs.readFileSync(`${folder}/records`, 'utf8').trim().split('\n').map((line) => line.split(' '));
  const of = (kind) => records.filter(([name]) => name === kind).map(([, number]) => Number(number));
  const tasks = Math.max(...of('created'));
  assert.ok(tasks >= DOWNLOADS, `created: ${of('created').join()}`);
  const everyTask = Array.from({ length: tasks }, (_, index) => index + 1);
  assert.deepEqual(unique(of('completed')), everyTask, 'every task ended');
  assert.deepEqual(unique(of('file')), everyTask, 'every file came');
  everyTask.forEach((task) => assert.equal(fs.statSync(`${folder}/${task}.bin`).size, 20000));
  const acknowledged = new Set();
  for (const [kind, number] of records) {
    if (kind === 'acknowledged') acknowledged.add(number);
    if (kind === 'delivered') assert.ok(!acknowledged.has(number), `event ${number} came after its acknowledgement`);
  }
});

test('an app that exits right after downloadTask loses nothing', async () => {
  assert.equal((await runApp('once.js', [server.url('/bytes/5000')])).code, 0);
  await urlsession('wait', '--timeout', '60s', 'com.example.test/once/1');
  const { code, lines } = await runApp('once.js', []);
  assert.equal(code, 0);
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [
    ['downloadcompleted', 1, 5000],
    ['sessioncompleted', 1, null],
    ['sessioneventscompleted', null, null],
  ]);
});

test('an app that was launched is told why before it sees any event', async () => {
  assert.equal((await runApp('once.js', [server.url('/bytes/6000')])).code, 0);
  await urlsession('wait', '--timeout', '60s', 'com.example.test/once/2');
  const env = { URLSESSION_LAUNCH_SESSION: 'once', URLSESSION_LAUNCH_HANDLER: 'Session-7' };
  const { lines } = await runApp('once.js', [], { env });
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [
    ['backgroundtransfer', 'once', 'Session-7'],
    ['downloadcompleted', 2, 6000],
    ['sessioncompleted', 2, null],
    ['sessioneventscompleted', null, null],
  ]);
});

test('a data task goes on without its app, and its answer is kept', async () => {
  assert.equal((await runApp('once.js', [server.url('/status/201'), 'data'])).code, 0);
  await urlsession('wait', '--timeout', '60s', 'com.example.test/once/3');
  const { lines } = await runApp('once.js', []);
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [
    ['sessioncompleted', 3, 'status 201'],
    ['sessioneventscompleted', null, null],
  ]);
});

test('what a task did is told to who finds it by its number as to who created it', async () => {
  const destination = inHome('unchanged');
  fs.writeFileSync(destination, 'mine');
  const begun = Date.now();
  await runApp('forgotten.js', ['forgotten', server.url('/up'), server.url('/status/304'), destination]);
  for (const task of [1, 2]) await urlsession('wait', '--timeout', '60s', `com.example.test/forgotten/${task}`);
  const found = new Date();
  const session = new Session({ identifier: 'forgotten' });
  assert.equal((await session.task(2).status()).destination, destination);
  const [sent, unchanged] = await Promise.all([1, 2].map((task) => session.task(task).finished));
  assert.equal(sent.metrics.bytesSent, 300_000);
  for (const { started, ended, taskInterval } of [sent.metrics, unchanged.metrics]) {
    assert.deepEqual([started, ended].map(Number), [taskInterval.start, taskInterval.end]);
    assert.ok(begun <= started && started <= ended && ended <= found);
  }
  assert.deepEqual([unchanged.response.statusCode, unchanged.path, unchanged.length], [304, destination, 0]);
  await session.finishTasksAndInvalidate();
});

test('what a listener failed to handle comes again, the rest does not', async () => {
  const first = await runApp('throws.js', [server.url('/bytes/10')]);
  assert.equal(first.code, 0, first.errors);
  assert.deepEqual(first.lines.sort(), [
    'downloadcompleted 1', 'downloadcompleted 2', 'sessioncompleted 1', 'sessioncompleted 2', 'uncaught a listener',
  ]);
  const second = await runApp('throws.js', ['', 'behaves']);
  assert.deepEqual(second.lines, ['downloadcompleted 1', 'sessioncompleted 1']);
  assert.deepEqual((await runApp('throws.js', ['', 'behaves'])).lines, []);
});

test('a worker that is terminated gives its session back', async () => {
  const { code, lines, errors } = await runApp('workers.js', [server.url('/bytes/10')]);
  assert.equal(code, 0, errors);
  assert.deepEqual(lines, ['first 200', 'second 200']);
});

test('a thread cannot have the session of another, nor end it', async () => {
  const { code, lines, errors } = await runApp('threads.js', [server.url('/bytes/10')]);
  assert.equal(code, 0, errors);
  assert.deepEqual(lines, ['-996', '200']);
});

test('a download of 2 GiB costs the app no memory and no copy', async (t) => {
  const path = inHome('large.bin');
  const { code, lines, errors } = await runApp('large.js', [server.url(`/bytes/${LARGE}`), path]);
  assert.equal(code, 0, errors);
  const { length, grown } = JSON.parse(lines[0]);
  t.diagnostic(`grown by ${Math.round(grown / 1024)} KiB`);
  assert.equal(length, LARGE);
  assert.ok(grown < ALLOWED_GROWTH, `grown by ${grown} bytes`);
  assert.equal(fs.statSync(path).size, LARGE);
  fs.rmSync(path);
});

function unique(numbers) {
  return [...new Set(numbers)].sort((a, b) => a - b);
}

// Mulberry32: a seed printed is a failure reproduced.
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
