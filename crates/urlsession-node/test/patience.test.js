// Who waits for whom: creating a session waits for the daemon, a bounded time; nothing else stops the event loop.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const { once } = require('node:events');
const { setImmediate: turn } = require('node:timers/promises');
const { test } = require('node:test');
const { runApp } = require('./support/app.js');
const { inHome, urlsession } = require('./support/home.js');
const { Server } = require('./support/server.js');
const { Session } = require('../index.js');

const TURNS = 20;

test('a daemon that never answers is given up, with what to do', async () => {
  const home = inHome('mute');
  fs.mkdirSync(`${home}/run`, { recursive: true, mode: 0o700 });
  const mute = net.createServer().listen(`${home}/run/daemon.socket`);
  await once(mute, 'listening');
  const { code, lines, errors } = await runApp('refused.js', ['refused'], { env: { URLSESSION_HOME: home } });
  mute.close();
  assert.equal(code, 0, errors);
  assert.match(lines.join(' '), /^-997 .*did not answer in time.*URLSESSION_DAEMON/);
});

test('nothing but creating a session waits for the daemon in the event loop', async () => {
  const server = await Server.start();
  const session = new Session({ identifier: 'patience' });
  const { pid } = JSON.parse(await urlsession('daemon', 'status', '--json'));
  process.kill(pid, 'SIGSTOP');
  let download;
  let asked;
  try {
    download = session.download(server.url('/bytes/10'));
    const task = session.downloadTask(server.url('/held'));
    task.cancel();
    asked = Promise.allSettled([session.tasks(), session.flush(), session.synced(), task.finished]);
    const answered = Promise.race([asked, download]).then(() => 'answered');
    for (let index = 0; index < TURNS; index += 1) await turn();
    assert.equal(await Promise.race([answered, turn('not answered')]), 'not answered');
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  assert.deepEqual((await asked).map(({ status }) => status), ['fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
  assert.equal((await download).length, 10);
  await session.invalidateAndCancel();
  server.stop();
});
