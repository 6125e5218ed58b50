// What cannot work says what to do.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { test } = require('node:test');
const { runApp } = require('./support/app.js');
const { inHome } = require('./support/home.js');
const { skip, withSmallDisk } = require('./support/mount.js');
const { Session } = require('../index.js');

const cases = [
  ['a missing executable', { URLSESSION_DAEMON: '/missing/urlsession' }, /^-997 .*cannot start \/missing\/urlsession.*URLSESSION_DAEMON/],
  ['an executable that is no daemon', { URLSESSION_DAEMON: process.execPath }, /^-997 .*started as the daemon, ended without a word.*URLSESSION_DAEMON/],
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

// What a state folder is like, what the app does there, and what it is told.
const disks = [
  ['a disk without any room', '4k', ':', [], /^-997 .*(No space left|disk is full).*must be writable and have room; URLSESSION_HOME/],
  ['a disk that is full later', '4m', ':', ['fill'], /^attached -300[03] .*No space left.*must be writable and have room; URLSESSION_HOME/],
  ['a read-only disk', '4m', 'mount -o remount,ro .', [], /^-997 .*Read-only.*must be writable and have room; URLSESSION_HOME/],
];

for (const [name, size, before, args, expected] of disks) {
  test(`${name} says what to do`, { skip }, async () => {
    const URLSESSION_HOME = inHome(name);
    fs.mkdirSync(URLSESSION_HOME);
    const within = withSmallDisk(URLSESSION_HOME, size, before);
    const { code, lines, errors } = await runApp('refused.js', ['refused', ...args], { env: { URLSESSION_HOME }, within });
    assert.equal(code, 0, errors);
    assert.match(lines.join(' '), expected);
  });
}

const impossible = [
  [{ identifier: 'a'.repeat(300) }, /^unknown error: an identifier must not be longer than 255 bytes$/],
  [{ applicationId: 'a\nb' }, /^unknown error: application id: an identifier must not contain control characters$/],
  [{ httpCookieStorage: 'mine' }, /^unknown error: there is no cookie storage “mine”: it is shared, private or none$/],
  [{ httpCookieAcceptPolicy: 'ask' }, /there is no cookie accept policy “ask”: it is always, never or/],
  [{ requestCachePolicy: 'often' }, /there is no request cache policy “often”: it is useProtocolCachePolicy,/],
  [{ urlCache: { memoryCapacity: 1, diskCapacity: 1 } }, /a background session has no URL cache/],
  [{ waitsForConnectivity: false }, /a background session always waits for connectivity/],
  [{ connectionProxy: { http: 'gopher://a' } }, /a proxy’s scheme is http, https, socks5, socks5h, socks4 or socks4a/],
  [{ tls: { minimumVersion: '1.1' } }, /there is no version “1.1” of TLS here: it is 1.2 or 1.3/],
  [{ tls: { pinnedPublicKeys: ['a'] } }, /a pinned key is ‘sha256\/\/’ and the Base64 of its SHA-256 digest/],
  [{ credential: { user: 'a', password: 'b', persistence: 'ever' } }, /there is no persistence “ever”: it is none,/],
];

for (const [options, message] of impossible) {
  test(`a session with an impossible ${Object.keys(options)[0]} says why, in its message`, () => {
    const error = thrown(() => new Session({ identifier: 'impossible', ...options }), message);
    const { code, cause } = error;
    assert.equal(typeof code, 'number');
    assert.ok(!('failingURL' in error), 'what there is not is absent');
    assert.ok(cause instanceof Error);
  });
}

test('a task with impossible options says why, in its message', async () => {
  const session = new Session({ identifier: 'possible' });
  for (const [options, message] of [
    [{ redirect: 'sometimes' }, /there is no way to take redirects “sometimes”: it is follow, manual or error/],
    [{ checksum: 'crc:1' }, /there is no checksum “crc”: it is sha-256:…,/],
    [{ suggestedFilename: 'keep' }, /it is take-free or replace/],
    [{ headers: { 'a b': 'c' } }, /a b/],
  ]) {
    thrown(() => session.downloadTask('http://127.0.0.1:9/', options), message);
  }
  thrown(() => session.downloadTask('foobar://a'), /^unsupported URL: ./);
  await session.invalidateAndCancel();
});

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

function thrown(call, message) {
  try {
    call();
  } catch (error) {
    assert.match(error.message, message);
    return error;
  }
  return assert.fail('nothing was thrown');
}
