// The package as its users get it: by its Titanium name, packed, and installed without a network.
'use strict';

const assert = require('node:assert/strict');
const { execFile, spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { promisify } = require('node:util');
const { runApp } = require('./support/app.js');
const { inHome } = require('./support/home.js');
const { Server } = require('./support/server.js');
const { pack } = require('../scripts/pack.js');

const hasNpm = spawnSync('npm', ['--version']).status === 0;

let server;
before(async () => { server = await Server.start(); });
after(() => server.stop());

test('--require urlsession/register makes the Titanium name known', async () => {
  const register = path.join(__dirname, '../register.js');
  const { code, lines, errors } = await runApp('registered.js', [], { node: ['--require', register] });
  assert.equal(code, 0, errors);
  assert.deepEqual(lines, ['true', 'com.appcelerator.urlSession', 'true']);
});

test('it installs offline into an empty folder and works', { skip: !hasNpm && 'NPM IS MISSING' }, async () => {
  const folder = inHome('packed');
  const app = path.join(folder, 'app');
  fs.mkdirSync(app, { recursive: true });
  const [main, platform] = pack(process.env.URLSESSION_ADDON, process.env.URLSESSION_DAEMON, folder);
  fs.writeFileSync(path.join(app, 'package.json'), '{"name":"com.example.packed"}');
  fs.copyFileSync(path.join(__dirname, 'apps/packed.js'), path.join(app, 'app.js'));
  const { URLSESSION_ADDON, URLSESSION_DAEMON, URLSESSION_APP_ID, ...env } = process.env;
  const options = { cwd: app, env: { ...env, PATH: path.dirname(process.execPath) + path.delimiter + env.PATH } };
  const run = promisify(execFile);
  const names = [`com.appcelerator.urlSession@file:${main}`, `urlsession@file:${main}`, platform];
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--no-package-lock', ...names], options);
  const { stdout } = await run(process.execPath, ['app.js', server.url('/status/200')], options);
  assert.deepEqual(stdout.trim().split('\n').sort(), ['com.example.packed', 'true', 'true', 'true status 200']);
  const bin = await run(path.join(app, 'node_modules/.bin/urlsession'), ['--version'], options);
  assert.match(bin.stdout, /^urlsession \d/);
  for (const tarball of [main, platform]) {
    const packed = await run('tar', ['-tzf', tarball]);
    for (const name of ['README.md', 'LICENSE-MIT', 'LICENSE-APACHE']) {
      assert.ok(packed.stdout.split('\n').includes(`package/${name}`), `${name} in ${tarball}`);
    }
  }
});

test('a signal to the command reaches the executable, and its end is the command’s', async () => {
  const program = inHome('program.js');
  const text = `#!${process.execPath}
    const [word] = process.argv.slice(2);
    if (word === 'end') process.kill(process.pid, 'SIGKILL');
    for (const name of ['SIGTERM', 'SIGINT']) process.on(name, () => { console.log(name); process.exit(7); });
    setInterval(() => {}, 1e6);
    console.log('ready');
  `;
  fs.writeFileSync(program, text, { mode: 0o700 });
  const start = (word) => {
    const bin = path.join(__dirname, '../bin/urlsession.js');
    const stdio = ['ignore', 'pipe', 'ignore'];
    const child = spawn(process.execPath, [bin, word], { stdio, env: { ...process.env, URLSESSION_DAEMON: program } });
    const ended = new Promise((resolve) => { child.on('close', (code, signal) => resolve({ code, signal })); });
    return { child, ended };
  };
  for (const name of ['SIGTERM', 'SIGINT']) {
    const { child, ended } = start('stay');
    let said = '';
    child.stdout.on('data', (data) => {
      said += data;
      if (said === 'ready\n') child.kill(name);
    });
    assert.deepEqual([await ended, said], [{ code: 7, signal: null }, `ready\n${name}\n`]);
  }
  assert.deepEqual(await start('end').ended, { code: null, signal: 'SIGKILL' });
});
