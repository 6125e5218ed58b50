// What cannot work says what to do.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { test } = require('node:test');
const { runApp } = require('./support/app.js');
const { inHome } = require('./support/home.js');

const cases = [
  ['a missing executable', { URLSESSION_DAEMON: '/missing/urlsession' }, /^-997 .*cannot start \/missing\/urlsession.*URLSESSION_DAEMON/],
  ['an executable that is no daemon', { URLSESSION_DAEMON: process.execPath }, /^-997 .*the daemon ended without a word.*URLSESSION_DAEMON/],
  ['a state folder that takes no files', { URLSESSION_HOME: inHome('a-file') }, /^-997 .*cannot create the folder.*URLSESSION_HOME/],
  ['a missing addon', { URLSESSION_ADDON: '/missing/urlsession.node' }, /^MODULE_NOT_FOUND .*\/missing\/urlsession\.node/],
];

for (const [name, env, expected] of cases) {
  test(`${name} says what to do`, async () => {
    fs.writeFileSync(inHome('a-file'), '');
    const { code, lines, errors } = await runApp('refused.js', ['refused'], { env });
    assert.equal(code, 0, errors);
    assert.match(lines.join(' '), expected);
  });
}

test('bytes that cannot be stored say what to do', async () => {
  const { lines } = await runApp('refused.js', ['spool', 'bytes', inHome('state/spool')]);
  fs.unlinkSync(inHome('state/spool'));
  assert.match(lines.join(' '), /attached.* -3000 Cannot create file: .*URLSESSION_HOME/);
});

test('a session that another process has is refused with -996', async () => {
  let other;
  const holding = runApp('refused.js', ['held', 'hold'], {
    onLine: (line, child) => { other = runApp('refused.js', ['held']).finally(() => child.kill()); },
  });
  await holding;
  const { lines } = await other;
  assert.match(lines.join(' '), /^-996 .*Another process has this session/);
});

test('a dead daemon is started again, and nothing is lost', async () => {
  const { code, lines, errors } = await runApp('daemonless.mjs', []);
  assert.equal(code, 0, errors);
  assert.deepEqual(lines, ['200', 'another daemon']);
});
