// What servers want remembered: cookies and known hosts, as a session sees and changes them.
'use strict';

const assert = require('node:assert/strict');
const http = require('node:http');
const { after, before, test } = require('node:test');
require('./support/home.js');
const { Session } = require('../index.js');

const KINDS = [{ identifier: 'remembers' }, { configuration: 'default' }, { configuration: 'ephemeral' }];

let server;
before(async () => {
  server = http.createServer((request, response) => {
    if (request.url === '/set') {
      response.setHeader('Set-Cookie', ['kept=1; Max-Age=60; Path=/; HttpOnly; SameSite=Lax', 'passing=2']);
    }
    response.end(request.headers.cookie ?? '');
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
});
after(() => {
  server.close();
  server.closeAllConnections();
});

const url = (path) => `http://127.0.0.1:${server.address().port}${path}`;
const domain = '127.0.0.1';

for (const kind of KINDS) {
  const name = kind.identifier ?? kind.configuration;

  test(`cookies are listed, set and removed: ${name}`, async () => {
    const session = new Session({ ...kind, requestCachePolicy: 'reloadIgnoringLocalCacheData' });
    const sent = async () => (await session.data(url('/'))).text();
    const began = Date.now();
    assert.deepEqual(await session.cookies.list(), []);
    await session.data(url('/set'));
    const [kept, passing] = await session.cookies.list(domain);
    const { expires, created, ...fields } = kept;
    assert.deepEqual(fields, {
      name: 'kept', value: '1', domain, hostOnly: true, path: '/', secure: false, httpOnly: true, sameSite: 'lax',
    });
    assert.ok(created >= began && created <= Date.now());
    assert.equal(Math.round((expires - created) / 1000), 60);
    assert.deepEqual([passing.name, passing.expires], ['passing', undefined]);
    assert.deepEqual(await session.cookies.list('example.com'), []);

    assert.equal(await session.cookies.remove(domain), 2);
    assert.equal(await sent(), '');
    // What was listed can be brought back as it is.
    assert.equal(await session.cookies.set([kept, passing]), 2);
    assert.deepEqual(await session.cookies.list(), [kept, passing]);
    assert.equal(await sent(), 'kept=1; passing=2');
    const one = { name: 'kept', value: '3', domain };
    assert.equal(await session.cookies.set({ ...one, expires: new Date(Date.now() + 60_000) }), 1);
    assert.equal(await sent(), 'kept=3; passing=2');
    assert.equal(await session.cookies.set({ ...one, expires: 0 }), 1);
    assert.equal(await sent(), 'passing=2');
    assert.equal(await session.cookies.set([{ ...one, domain: 'com' }, { ...one, name: 'a\nb' }]), 1);
    await assert.rejects(session.cookies.set({ ...one, sameSite: 'loose' }), /there is no sameSite “loose”: it is none, lax or strict/);
    assert.equal(await session.cookies.remove(), 2);
    await session.invalidateAndCancel();
  });

  test(`a domain with a dot in front is of all hosts below it: ${name}`, async () => {
    const session = new Session(kind);
    const cookies = ['.example.com', 'www.example.com', 'example.org'].map((of) => ({ name: 'a', value: 'b', domain: of }));
    assert.equal(await session.cookies.set(cookies), 3);
    const listed = async (of) => (await session.cookies.list(of)).map((cookie) => [cookie.domain, cookie.hostOnly]);
    assert.deepEqual(await listed('example.com'), [['example.com', false], ['www.example.com', true]]);
    assert.deepEqual(await listed('example.org'), [['example.org', true]]);
    await session.reset();
    assert.deepEqual(await session.cookies.list(), []);
    await session.invalidateAndCancel();
  });

  test(`hosts are known until they are removed: ${name}`, async () => {
    const session = new Session(kind);
    const expires = new Date(Date.now() + 60_000);
    const hosts = [{ host: 'a.example', expires }, { host: 'b.example', includeSubdomains: true, expires: Number(expires) }];
    assert.equal(await session.knownHosts.add(hosts), 2);
    assert.equal(await session.knownHosts.add({ host: '127.0.0.1', expires }), 0, 'an address is none');
    const known = await session.knownHosts.list();
    assert.deepEqual(known.map(({ host, includeSubdomains }) => [host, includeSubdomains]), [['a.example', false], ['b.example', true]]);
    assert.deepEqual(known.map((host) => host.expires), [expires, expires]);
    assert.equal(await session.knownHosts.remove('a.example'), 1);
    assert.equal(await session.knownHosts.add(known), 2);
    assert.equal(await session.knownHosts.remove(), 2);
    assert.deepEqual(await session.knownHosts.list(), []);
    await session.invalidateAndCancel();
  });
}

test('an ephemeral session has what it remembers for itself', async () => {
  const [shared, own] = [{ configuration: 'default' }, { configuration: 'ephemeral' }].map((kind) => new Session(kind));
  await shared.cookies.set({ name: 'a', value: 'b', domain });
  await shared.knownHosts.add({ host: 'a.example', expires: Date.now() + 60_000 });
  assert.deepEqual(await own.cookies.list(), []);
  assert.deepEqual(await own.knownHosts.list(), []);
  assert.equal((await shared.cookies.list()).length + (await shared.knownHosts.list()).length, 2);
  await Promise.all([shared, own].map((session) => session.invalidateAndCancel()));
});
