// A launch command that cannot be run: it is tried again later, and a person sees why.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { after, before, test } = require('node:test');
const { runApp } = require('./support/app.js');
const { home, inHome, urlsession } = require('./support/home.js');
const { Server } = require('./support/server.js');

let server;
before(async () => { server = await Server.start(); });
after(() => server.stop());

test('a command that cannot be run is tried again later, and shown', async () => {
  await startAndLeave('impossible', inHome('no', 'such', 'program'));
  // A command that is due later was run: the impossible one was tried before.
  const launched = appears(inHome('launched'));
  const write = 'fs.writeFileSync(process.argv[1], "")';
  await startAndLeave('later', process.execPath, '-e', write, inHome('launched'));
  await launched;

  const { launch } = JSON.parse(await urlsession('show', '--json', 'com.example.test/impossible/1'));
  assert.equal(launch.state, 'due');
  assert.equal(launch.attempts, 1);
  assert.match(launch.error, /no such file|cannot find/i);
  assert.ok(new Date(launch.until) > new Date(), launch.until);
  const text = await urlsession('show', 'com.example.test/impossible/1');
  assert.match(text, /launch +due in .*attempts so far: 1/);
});

/** Lets an app start its download and exit; resolves when the download has ended without it. */
async function startAndLeave(identifier, ...command) {
  const { code, errors } = await runApp('leaves.js', [identifier, server.url('/bytes/1000'), ...command]);
  assert.equal(code, 0, errors);
  await urlsession('wait', '--timeout', '60s', `com.example.test/${identifier}/1`);
}

function appears(file) {
  return new Promise((resolve) => {
    const watcher = fs.watch(home, () => {
      if (!fs.existsSync(file)) return;
      watcher.close();
      resolve();
    });
  });
}
