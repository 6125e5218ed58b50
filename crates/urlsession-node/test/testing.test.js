// A simulated daemon, as tests of apps use it, and what the page about it says.
'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { promisify } = require('node:util');
const { runApp } = require('./support/app.js');
const { inHome } = require('./support/home.js');
const { Session } = require('../index.js');
const { simulate } = require('../testing.js');

const own = process.env.URLSESSION_HOME;
const link = 'https://example.com/film.mp4';

/** Runs a test in a world of its own; the home of this file is back when it is over. */
function inWorld(name, scenario, play) {
  test(name, async () => {
    const world = await simulate(scenario);
    const session = new Session({ identifier: name });
    try {
      await play(session, world);
      await session.invalidateAndCancel();
      await world.stop();
      assert.ok(!fs.existsSync(world.home));
    } finally {
      process.env.URLSESSION_HOME = own;
      delete process.env.URLSESSION_SIMULATE;
    }
  });
}

inWorld('an outage of days and a daemon that dies', `
  file ${link} size 4MiB rate 256KiB/s etag one
  at 8s kill daemon
  at 10s network down
  at 2d network up
`, async (session, world) => {
  const progress = [];
  const destination = path.join(world.home, 'film.mp4');
  const { length } = await session.download(link, { destination, onProgress: (step) => progress.push(step.received) });
  assert.equal(length, 4 * 1024 * 1024);
  assert.equal(fs.statSync(destination).size, length);
  assert.ok(progress.length > 4, `${progress}`);
  assert.ok(world.elapsed >= 2 * 86_400_000, `${world.elapsed}`);
});

inWorld('an expired link', `
  file ${link}?fresh size 1000
  status ${link} 403
`, async (session) => {
  const asked = [];
  const { length } = await session.download(link, {
    recoverableStatuses: [403],
    onDelayedRequest: async ({ error }) => {
      asked.push(error.statusCode);
      await new Promise((resolve) => { setImmediate(resolve); });
      return { url: `${link}?fresh` };
    },
  });
  assert.deepEqual([length, asked], [1000, [403]]);
});

inWorld('a deadline and an upload', `
  accept https://example.com/up status 201 text "thanks" rate 1KiB/s
  stall ${link} after 0
  file ${link} size 1000 etag one
`, async (session, world) => {
  const hasty = new Session({ identifier: 'hasty', timeoutIntervalForResource: 86_400_000 });
  await assert.rejects(hasty.download(link), { code: -1001 });
  await hasty.invalidateAndCancel();
  assert.ok(world.elapsed >= 86_400_000, `${world.elapsed}`);
  const sent = await session.upload('https://example.com/up', Buffer.alloc(10_000), { method: 'PUT' });
  assert.equal(sent.response.statusCode, 201);
  assert.equal(await sent.text(), 'thanks');
});

inWorld('an app that died is launched when the night is over', `
  file ${link} size 1MiB etag one
  network down
  at 8h network up
`, async (session, world) => {
  const app = path.join(world.home, 'app.js');
  fs.mkdirSync(path.join(world.home, 'node_modules'));
  fs.symlinkSync(path.join(__dirname, '..'), path.join(world.home, 'node_modules/urlsession'));
  fs.copyFileSync(path.join(__dirname, 'apps/launched.js'), app);
  const records = path.join(world.home, 'records');
  const launched = new Promise((resolve) => {
    const watcher = fs.watch(world.home, () => {
      if (!fs.existsSync(records)) return;
      watcher.close();
      resolve();
    });
  });
  assert.equal((await runApp(app, [link, records, 'given'])).code, 0);
  await launched;
  assert.match(fs.readFileSync(records, 'utf8'), /downloadcompleted\nsessioncompleted/);
  assert.ok(world.elapsed >= 8 * 3_600_000 && world.elapsed < 9 * 3_600_000, `${world.elapsed}`);
});

test('files outlive their acknowledgement in every simulation, not in the first alone', async () => {
  try {
    for (const identifier of ['first', 'second']) {
      const world = await simulate(`file ${link} size 1000`);
      const session = new Session({ identifier });
      const file = (await session.download(link)).path;
      await session.finishTasksAndInvalidate();
      assert.equal(fs.statSync(file).size, 1000, identifier);
      assert.ok(file.startsWith(world.home), file);
      await world.stop();
    }
  } finally {
    process.env.URLSESSION_HOME = own;
    delete process.env.URLSESSION_SIMULATE;
  }
});

test('a line that is wrong is named', async () => {
  await assert.rejects(simulate('\nfly away'), /line 2: no statement begins with “fly”/);
  assert.equal(process.env.URLSESSION_HOME, own);
});

test('the page about testing says what works', async () => {
  const page = fs.readFileSync(path.join(__dirname, '../../../docs/testing.md'), 'utf8');
  const [, code] = /```js\n([\s\S]*?)```/.exec(page);
  const folder = inHome('testing');
  fs.mkdirSync(path.join(folder, 'node_modules'), { recursive: true });
  fs.symlinkSync(path.join(__dirname, '..'), path.join(folder, 'node_modules/urlsession'));
  const file = path.join(folder, 'page.mjs');
  fs.writeFileSync(file, code);
  const { stdout } = await promisify(execFile)(process.execPath, [file]);
  assert.equal(stdout, `${20 * 1024 * 1024} true\n`);
});
