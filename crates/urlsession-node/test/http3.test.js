// The option `http3` against a server of others that speaks all three versions: caddy.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { setImmediate: turn } = require('node:timers/promises');
const { after, before, test } = require('node:test');
const { inHome } = require('./support/home.js');
const { Session } = require('../index.js');

/** Most milliseconds until it listens. */
const START_LIMIT = 30_000;

const folder = inHome('caddy');
const root = path.join(folder, 'data/pki/authorities/local/root.crt');
let caddy;
let url;
let session;

before(async () => {
  fs.mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const config = path.join(folder, 'Caddyfile');
  fs.writeFileSync(config, `{
  admin off
  skip_install_trust
  auto_https disable_redirects
  storage file_system ${folder}/data
  servers {
    protocols h1 h2 h3
  }
}
https://127.0.0.1:${port} {
  bind 127.0.0.1
  tls internal
  respond "hello over {http.request.proto}"
}
`);
  url = `https://127.0.0.1:${port}/`;
  caddy = await started(config, port);
  if (caddy) session = new Session({ identifier: 'http3', caCertificates: [root] });
});

after(async () => {
  await session?.invalidateAndCancel();
  caddy?.kill();
});

// what the task says => the protocol that answers
for (const [options, protocol] of [
  [{ http3: 'off' }, 'h2'],
  [{ http3: 'off', assumesHttp3Capable: true }, 'h2'],
  [{ http3: 'only' }, 'h3'],
  [{ http3: 'auto', assumesHttp3Capable: true }, 'h3'],
  [{ assumesHttp3Capable: true }, 'h3'],
]) {
  test(`a task with ${JSON.stringify(options)} goes over ${protocol}`, async (t) => {
    if (!caddy) return t.skip('there is no caddy on this machine');
    const { response, metrics, text } = await session.data(url, options);
    assert.equal(response.statusCode, 200);
    assert.equal(response.networkProtocol, protocol);
    assert.equal(metrics.transactionMetrics.at(-1).networkProtocolName, protocol);
    return assert.equal(text(), `hello over HTTP/${protocol === 'h3' ? '3.0' : '2.0'}`);
  });
}

test('a session says it for its tasks, and a task for itself', async (t) => {
  if (!caddy) return t.skip('there is no caddy on this machine');
  const own = new Session({ identifier: 'http3-only', caCertificates: [root], http3: 'only' });
  assert.equal((await own.data(url)).response.networkProtocol, 'h3');
  assert.equal((await own.data(url, { http3: 'off' })).response.networkProtocol, 'h2');
  // What speaks no HTTP/3 is not asked in another way.
  const closed = `https://127.0.0.1:${await freePort()}/`;
  await assert.rejects(own.data(closed, { maximumRetries: 0, timeoutIntervalForRequest: 2 }));
  return own.invalidateAndCancel();
});

test('another word is refused', async (t) => {
  if (!caddy) return t.skip('there is no caddy on this machine');
  assert.throws(() => new Session({ identifier: 'no-http3', http3: 'yes' }), /http3.*off, auto or only/s);
  return assert.throws(() => session.dataTask(url, { http3: 'h3' }), /http3.*off, auto or only/s);
});

/** Resolves with the process once it listens, or with nothing if there is no such program. */
async function started(config, port) {
  const child = spawn('caddy', ['run', '--config', config, '--adapter', 'caddyfile'], {
    stdio: 'ignore', env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  });
  let failed;
  child.once('error', (error) => { failed = error; });
  const limit = Date.now() + START_LIMIT;
  while (!(fs.existsSync(root) && await listens(port))) {
    if (failed) {
      assert.ok(process.env.URLSESSION_REQUIRE_PEERS === undefined, 'there is no caddy here');
      return undefined;
    }
    assert.ok(Date.now() < limit, 'caddy listens in time');
    await turn();
  }
  return child;
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
    socket.once('error', () => resolve(false));
  });
}

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
