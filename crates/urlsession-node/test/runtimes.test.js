// Bun and Deno, where they are installed: both faces load and work there too.
'use strict';

const assert = require('node:assert/strict');
const { execFile, spawnSync } = require('node:child_process');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { promisify } = require('node:util');
require('./support/home.js');
const { Server } = require('./support/server.js');

const app = path.join(__dirname, 'apps/runtime.mjs');
const runtimes = [[process.execPath, []], ['bun', []], ['deno', ['run', '-A']]];

let server;
before(async () => { server = await Server.start(); });
after(() => server.stop());

for (const [name, args] of runtimes) {
  const isThere = spawnSync(name, ['--version']).status === 0;
  test(`it works under ${path.basename(name)}`, { skip: !isThere && `${name} is not in PATH` }, async () => {
    const { stdout } = await promisify(execFile)(name, [...args, app, server.url('/bytes/4321')]);
    assert.deepEqual(stdout.trim().split('\n'), ['4321', '4321']);
  });
}
