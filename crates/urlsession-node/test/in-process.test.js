// Sessions that live in this process, as Apple's `default` and `ephemeral` ones.
'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { after, before, beforeEach, test } = require('node:test');
const { promisify } = require('node:util');
const { Worker } = require('node:worker_threads');
const { runApp } = require('./support/app.js');
const { inHome } = require('./support/home.js');
const { Session } = require('../index.js');

const KINDS = ['default', 'ephemeral'];

let server;
let requests;

before(async () => {
  server = http.createServer((request, response) => {
    requests.push(request);
    request.resume();
    if (request.url === '/endless') return;
    if (request.url === '/begun') {
      response.writeHead(200, { 'Content-Length': 1e7 });
      response.write(Buffer.alloc(1e5));
      return;
    }
    if (request.url === '/closed') {
      response.destroy();
      return;
    }
    if (request.url.startsWith('/away')) {
      response.writeHead(302, { Location: '/there', 'X-Why': 'moved' });
      response.end('moved');
      return;
    }
    response.setHeader('Cache-Control', 'max-age=60');
    response.setHeader('Set-Cookie', 'id=1');
    response.end(`${request.method} ${requests.length}`);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
});

beforeEach(() => { requests = []; });

after(() => {
  server.close();
  server.closeAllConnections();
});

const url = (at) => `http://127.0.0.1:${server.address().port}${at}`;

test('they move bytes without a daemon', async () => {
  for (const configuration of KINDS) {
    const session = new Session({ configuration, headers: { 'X-Own': configuration } });
    assert.equal(session.identifier, undefined);
    const destination = inHome(configuration);
    const { path: file, length } = await session.download(url(`/file/${configuration}`), { destination });
    assert.deepEqual([file, length], [destination, fs.statSync(destination).size]);
    assert.match((await session.upload(url('/up'), Buffer.from('body'), { method: 'PUT' })).text(), /^PUT/);
    assert.equal(requests[0].headers['x-own'], configuration);
    const waiting = session.downloadTask(url('/later'), { suspended: true });
    assert.deepEqual((await session.tasks()).map((task) => task.state), ['suspended']);
    assert.equal((await waiting.status()).state, 'suspended');
    await session.invalidateAndCancel();
    await assert.rejects(waiting.finished, { code: -999 });
    requests = [];
  }
  assert.ok(!fs.existsSync(inHome('run')), 'a daemon was started');
});

test('a file without a destination lives as long as the process', async () => {
  for (const configuration of KINDS) {
    const session = new Session({ configuration });
    const { path: file, length } = await session.download(url('/file/mine'));
    await session.finishTasksAndInvalidate();
    assert.equal(fs.statSync(file).size, length);
    const chosen = inHome(`chosen-${configuration}`);
    const other = new Session({ configuration });
    assert.equal((await other.download(url('/file/mine'), { destination: chosen })).path, chosen);
    await other.invalidateAndCancel();
  }
});

test('resume data that is asked for too late is none', async () => {
  const session = new Session({ configuration: 'ephemeral' });
  const task = session.downloadTask(url('/file/late'));
  await task.finished;
  assert.equal(await task.cancelByProducingResumeData(), null);
  assert.doesNotThrow(() => task.cancel());
});

test('they keep responses and cookies, each its own or all the same', async () => {
  const types = async (session) => {
    const { metrics } = await session.data(url('/kept'));
    return metrics.transactionMetrics.map((transaction) => transaction.resourceFetchType);
  };
  const [one, other] = [new Session({ configuration: 'ephemeral' }), new Session({ configuration: 'ephemeral' })];
  assert.deepEqual([await types(one), await types(one)], [['networkLoad'], ['localCache']]);
  assert.deepEqual(await types(other), ['networkLoad']);
  assert.equal(requests.at(-1).headers.cookie, undefined);
  await one.data(url('/cookie'));
  assert.equal(requests.at(-1).headers.cookie, 'id=1');
  await one.reset();
  assert.deepEqual(await types(one), ['networkLoad']);
  const bare = new Session({ configuration: 'default', urlCache: null, requestCachePolicy: 'useProtocolCachePolicy' });
  assert.deepEqual([await types(bare), await types(bare)], [['networkLoad'], ['networkLoad']]);
  const small = new Session({ configuration: 'ephemeral', urlCache: { memoryCapacity: 100_000, diskCapacity: 0 } });
  assert.deepEqual([await types(small), await types(small)], [['networkLoad'], ['localCache']]);
});

test('the app decides about redirects', async () => {
  let asked;
  const answers = {
    '/away/1': ({ newRequest }) => newRequest,
    '/away/2': () => undefined,
    '/away/3': async () => ({ url: url('/elsewhere'), headers: { 'X-New': 'yes' } }),
    '/away/4': () => null,
  };
  const session = new Session({
    configuration: 'ephemeral',
    onRedirection: (redirection) => {
      asked = redirection;
      return answers[new URL(redirection.response.url).pathname](redirection);
    },
  });
  const end = async (at) => {
    const { response } = await session.data(url(at), { headers: { 'X-Mine': 'kept' } });
    return [response.statusCode, new URL(response.url).pathname];
  };
  assert.deepEqual(await end('/away/1'), [200, '/there']);
  assert.deepEqual([asked.response.statusCode, asked.response.headers.get('x-why')], [302, 'moved']);
  assert.deepEqual([asked.newRequest.url, asked.newRequest.method], [url('/there'), 'GET']);
  assert.equal(asked.newRequest.headers.get('x-mine'), 'kept');
  assert.ok(asked.until > new Date());
  assert.equal(requests.at(-1).headers['x-mine'], 'kept');
  assert.deepEqual(await end('/away/2?'), [200, '/there']);
  assert.deepEqual(await end('/away/3'), [200, '/elsewhere']);
  assert.equal(requests.at(-1).headers['x-new'], 'yes');
  assert.deepEqual(await end('/away/4'), [302, '/away/4']);
});

test('a request that is followed as it was shown has the header fields that it had', async () => {
  const session = new Session({ configuration: 'ephemeral', onRedirection: ({ newRequest }) => newRequest });
  await session.data(url('/away/5'), { headers: { 'X-Name': '日本ü' } });
  const [first, second] = requests.map(({ headers }) => Buffer.from(headers['x-name'], 'latin1').toString());
  assert.deepEqual([first, second], ['日本ü', '日本ü']);
});

test('an app that leaves one open ends by itself, after its tasks', async () => {
  const script = `
    const { Session } = require(${JSON.stringify(path.join(__dirname, '..'))});
    const session = new Session({ configuration: 'ephemeral' });
    session.data(${JSON.stringify(url('/end'))}).then((result) => console.log(result.text()));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { timeout: 60_000 });
  assert.match(stdout, /^GET/);
});

test('they need no folder of ours', async () => {
  const script = `
    const fs = require('node:fs');
    const { Session } = require(${JSON.stringify(path.join(__dirname, '..'))});
    (async () => {
      for (const configuration of ['default', 'ephemeral']) {
        const session = new Session({ configuration });
        const { path } = await session.download(${JSON.stringify(url('/file'))});
        await session.finishTasksAndInvalidate();
        console.log(fs.readFileSync(path, 'utf8').split(' ')[0], path);
      }
    })();`;
  fs.writeFileSync(inHome('no-folder'), '');
  const env = { ...process.env, URLSESSION_HOME: inHome('no-folder') };
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { timeout: 60_000, env });
  const [first, second] = stdout.trim().split('\n').map((line) => line.split(' '));
  assert.deepEqual([first[0], second[0]], ['GET', 'GET']);
  assert.ok(!fs.existsSync(path.dirname(first[1])), 'they go with the process');
});

test('what a process leaves undone by process.exit() goes with it', async () => {
  const folders = ['left-state', 'left-destinations'].map((name) => inHome(name));
  for (const folder of folders) fs.mkdirSync(folder);
  const script = `
    const fs = require('node:fs');
    const { Session } = require(${JSON.stringify(path.join(__dirname, '..'))});
    const session = new Session({ configuration: 'ephemeral' });
    const begun = (options) => new Promise((onProgress) => {
      session.download(${JSON.stringify(url('/begun'))}, { ...options, onProgress }).catch(() => {});
    });
    const destination = ${JSON.stringify(path.join(folders[1], 'file'))};
    const upload = session.upload(${JSON.stringify(url('/endless'))}, Buffer.from('private'));
    upload.catch(() => {});
    Promise.all([begun({}), begun({ destination })]).then(() => {
      console.log(${JSON.stringify(folders)}.map((folder) => fs.readdirSync(folder).length).join());
      process.exit();
    });`;
  const env = { ...process.env, TMPDIR: folders[0] };
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { timeout: 60_000, env });
  assert.equal(stdout, '1,1\n', 'they were there');
  assert.deepEqual(folders.map((folder) => fs.readdirSync(folder)), [[], []]);
});

test('what servers want remembered outlives the process of a default session', async () => {
  const script = `
    const { Session } = require(${JSON.stringify(path.join(__dirname, '..'))});
    const [configuration, name] = process.argv.slice(1);
    const session = new Session({ configuration, applicationId: 'remembers', urlCache: null });
    const expires = Date.now() + 1e6;
    session.cookies.set([{ name, value: '1', domain: '127.0.0.1', expires }, { name: 'short', value: '1', domain: '127.0.0.1' }])
      .then(() => session.knownHosts.add({ host: name + '.example', expires }))
      .then(() => session.data(${JSON.stringify(url('/remembered'))}))
      .then(async () => console.log((await session.knownHosts.list()).map(({ host }) => host).join()));`;
  const told = [];
  for (const [configuration, name] of [['ephemeral', 'a'], ['default', 'b'], ['default', 'c'], ['ephemeral', 'd']]) {
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', script, configuration, name], { timeout: 60_000 });
    told.push([requests.at(-1).headers.cookie.split('; ').filter((cookie) => !cookie.startsWith('short')).sort().join(), stdout.trim()]);
  }
  assert.deepEqual(told, [['a=1', 'a.example'], ['b=1', 'b.example'], ['b=1,c=1', 'b.example,c.example'], ['d=1', 'd.example']]);
});

test('they end with the worker that made them', async () => {
  const asked = new Promise((resolve) => {
    server.once('request', ({ socket }) => {
      resolve({ gone: new Promise((closed) => { socket.once('close', closed); }) });
    });
  });
  const script = `
    const { Session } = require(${JSON.stringify(path.join(__dirname, '..'))});
    new Session({ configuration: 'ephemeral' }).data(${JSON.stringify(url('/endless'))}).catch(() => {});`;
  const worker = new Worker(script, { eval: true });
  const { gone } = await asked;
  await worker.terminate();
  await gone;
});

test('nothing of a session that is gone is kept', async () => {
  const { code, lines, errors } = await runApp('forgets.mjs', [], { node: ['--expose-gc'] });
  assert.equal(code, 0, errors);
  assert.deepEqual(lines, ['forgotten', 'forgotten']);
});

test('what fails is told at once, and asked for again only by those who want it', async () => {
  const closed = http.createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const refused = `http://127.0.0.1:${closed.address().port}/`;
  await new Promise((resolve) => { closed.close(resolve); });
  // the task and what it says of retries => how it ends, and how often the server was asked
  const cases = [
    [refused, {}, -1004, 0],
    [url('/closed'), { body: 'order=1' }, -1005, 1],
    [url('/closed'), { method: 'PUT', body: 'order=1' }, -1005, 1],
    [url('/closed'), { body: 'order=1', noUnsafeRetry: true }, -1005, 1],
    [url('/closed'), { body: 'order=1', maximumRetries: 0 }, -1005, 1],
    [url('/closed'), { body: 'order=1', maximumRetries: 2, retryInterval: 100 }, -1005, 3],
    [url('/closed'), { body: 'order=1', retryInterval: 100, timeoutIntervalForRetries: 1 }, -1005, 1],
    [url('/endless'), {}, -1001, 1],
    [url('/endless'), { maximumRetries: 1, retryInterval: 100 }, -1001, 2],
  ];
  for (const configuration of KINDS) {
    for (const waitsForConnectivity of [undefined, false, true]) {
      const session = new Session({ configuration, waitsForConnectivity, timeoutIntervalForRequest: 200 });
      for (const [at, options, code, count] of cases) {
        requests = [];
        await assert.rejects(session.data(at, options), { code }, `${at} ${JSON.stringify(options)}`);
        assert.equal(requests.length, count, `${at} ${JSON.stringify(options)}`);
      }
    }
  }
});

test('what only background sessions have is refused', () => {
  for (const [options, why] of [
    [{ configuration: 'default', identifier: 'x' }, /`identifier` is for background sessions/],
    [{ configuration: 'ephemeral', launchCommand: ['x'] }, /`launchCommand` is for background sessions/],
    [{ configuration: 'shared' }, /must be 'background', 'default' or 'ephemeral'/],
    [{ configuration: 'ephemeral', urlCache: { memoryCapacity: 1, diskCapacity: 1 } }, /keeps no responses on disk/],
  ]) {
    assert.throws(() => new Session(options), why);
  }
});
