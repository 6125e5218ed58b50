// The modern face against a real daemon and a real server.
'use strict';

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { runApp } = require('./support/app.js');
const { inHome } = require('./support/home.js');
const { Server, sha256Of } = require('./support/server.js');
const { fieldsMeant, webHeaders } = require('../lib/modern/headers.js');
const { Session, URLSessionError } = require('../index.js');

let server;
let session;

before(async () => {
  server = await Server.start();
  session = new Session({ identifier: 'modern', headers: { 'X-Session': 'yes' } });
});

after(async () => {
  await session.invalidateAndCancel();
  server.stop();
});

test('a download resolves with its file, its response and its metrics', async () => {
  const destination = inHome('modern.bin');
  const progress = [];
  const result = await session.download(server.url('/bytes/3000000'), {
    destination,
    headers: new Headers({ 'X-Task': 'a' }),
    onProgress: (step) => progress.push(step),
  });
  assert.equal(result.path, destination);
  assert.equal(result.length, 3000000);
  assert.equal(result.response.statusCode, 200);
  assert.equal(result.response.headers.get('content-length'), '3000000');
  assert.equal(result.metrics.bytesReceived, 3000000);
  assert.ok(result.metrics.ended >= result.metrics.started);
  assert.equal(result.metrics.networkProtocol, 'http/1.1');
  assert.equal(result.metrics.suggestedFilename, result.response.suggestedFilename);
  assert.match(result.metrics.suggestedFilename, /^3000000/);
  const { transactionMetrics, taskInterval, redirectCount } = result.metrics;
  assert.equal(redirectCount, 0);
  assert.ok(taskInterval.start <= taskInterval.end);
  const [transaction] = transactionMetrics;
  assert.deepEqual(transaction.request, { url: server.url('/bytes/3000000'), method: 'GET' });
  assert.deepEqual(transaction.response, { statusCode: 200 });
  assert.equal(transaction.resourceFetchType, 'networkLoad');
  assert.equal(transaction.countOfResponseBodyBytesReceived, 3000000);
  assert.equal(transaction.remoteAddress, '127.0.0.1');
  assert.equal(transaction.negotiatedTLSProtocolVersion, undefined);
  assert.ok(transaction.fetchStartDate <= transaction.responseEndDate);
  assert.ok(Math.abs(transaction.responseEndDate - Date.now()) < 3600_000);
  assert.equal(fs.statSync(destination).size, 3000000);
  assert.deepEqual(progress.at(-1), { received: 3000000, total: 3000000 });
  const { headers } = server.requests.at(-1);
  assert.equal(headers['x-session'], 'yes');
  assert.equal(headers['x-task'], 'a');
});

test('a file that the server names stays in the folder that was given', async () => {
  const folder = inHome('parent', 'folder');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(inHome('parent', 'named.txt'), 'mine');
  const options = { destination: `${folder}/`, suggestedFilename: 'replace' };
  const result = await session.download(server.url('/named/named.txt'), options);
  assert.equal(result.path, path.join(folder, 'named.txt'));
  assert.equal(fs.readFileSync(inHome('parent', 'named.txt'), 'utf8'), 'mine');
  assert.equal((await session.download(server.url('/bytes/7'), options)).path, path.join(folder, '7'));
});

test('a file of which there is no news stays as it is', async () => {
  const destination = inHome('known');
  fs.writeFileSync(destination, 'mine');
  const headers = { 'If-None-Match': '"a"' };
  const { path, length, response } = await session.download(server.url('/status/304'), { destination, headers });
  assert.deepEqual([path, length, response.statusCode], [destination, 0, 304]);
  assert.equal(fs.readFileSync(destination, 'utf8'), 'mine');
});

test('a size is kept to', async () => {
  const refused = ({ code, cause }) => code === -1103 && /larger than 999 bytes/.test(cause.message);
  const options = { maximumResponseSize: 999 };
  await assert.rejects(session.download(server.url('/chunked/1000'), options), refused);
  await assert.rejects(session.data(server.url('/bytes/1000'), options), refused);
  assert.equal((await session.download(server.url('/bytes/999'), options)).length, 999);
});

test('a download comes over as many connections as it asks for', async () => {
  const result = await session.download(server.url('/ranges/1048576'), { segments: 4, destination: inHome('segments') });
  const file = fs.readFileSync(result.path);
  assert.equal(createHash('sha256').update(file).digest('hex'), sha256Of(1048576));
  const asked = server.requests.filter(({ url }) => url === '/ranges/1048576').map(({ headers }) => headers.range ?? 'all');
  const quarters = ['all', 'bytes=262144-524287', 'bytes=524288-786431', 'bytes=786432-1048575'];
  assert.deepEqual(asked.sort(), quarters);
  await session.download(server.url('/bytes/1000'), { segments: 'automatic' });
  for (const segments of [0, 17, 1.5, -1, NaN, 'many']) {
    await assert.rejects(async () => session.download(server.url('/bytes/1'), { segments }), { code: -1 });
    assert.throws(() => new Session({ identifier: 'segmented', segments }), { code: -1 });
  }
});

test('redirects are followed, are the result, or are an error', async () => {
  const url = server.url('/redirect');
  assert.equal((await session.data(url)).response.statusCode, 200);
  const manual = await session.data(url, { redirect: 'manual' });
  assert.equal(manual.response.statusCode, 302);
  assert.equal(manual.metrics.redirectCount, 0);
  await assert.rejects(session.data(url, { redirect: 'error' }), { code: -1007 });
  await assert.rejects(async () => session.data(url, { redirect: 'sometimes' }), { code: -1 });
  await assert.rejects(async () => session.data(url, { onRedirect: () => {} }), /onRedirect/);
});

test('a request goes out as its policy says', async () => {
  const seen = () => server.requests.at(-1);
  const asked = { omittedHeaders: ['User-Agent'], path: '/echo/../there?a=/b' };
  await session.data(server.url('/'), { requestPolicy: asked });
  assert.deepEqual([seen().url, seen().headers['user-agent']], ['/echo/../there?a=/b', undefined]);
  const credential = { user: 'me', password: 'secret' };
  for (const [authenticationMethod, statusCode] of [['httpDigest', 401], ['httpBasic', 200]]) {
    const { response } = await session.data(server.url('/basic/me:secret'), { credential, requestPolicy: { authenticationMethod } });
    assert.equal(response.statusCode, statusCode);
  }
  await session.data(server.url('/redirect'), { method: 'POST', body: 'kept', requestPolicy: { keepsPost: [302] } });
  assert.deepEqual([seen().method, String(seen().body)], ['POST', 'kept']);
  await session.data(server.url('/echo'), { method: 'GET', body: 'asked', requestPolicy: { sendsGetBody: true } });
  assert.deepEqual([seen().method, String(seen().body)], ['GET', 'asked']);
  const { metrics } = await session.data(server.url('/redirect'), { requestPolicy: { tellsReferer: true, httpVersion: '1.0' } });
  const [passed, last] = metrics.transactionMetrics.map(({ response }) => response.headers?.find(({ name }) => name === 'location')?.value);
  assert.ok(passed && server.url('/').startsWith(new URL(passed, server.url('/')).origin) && last === undefined);
  assert.deepEqual([seen().headers.referer, seen().httpVersion], [server.url('/redirect'), '1.0']);
  const connectTo = [{ host: 'a.invalid', toHost: '127.0.0.1', toPort: Number(new URL(server.url('/')).port) }];
  await session.data('http://a.invalid:81/echo', { connectionProxy: {}, requestPolicy: { connectTo } });
  assert.equal(seen().headers.host, 'a.invalid:81');
  await assert.rejects(session.data('https://127.0.0.1:1/', { requestPolicy: { refusesHttps: true } }), { code: -1002 });
  await session.data(server.url('/redirect'), { requestPolicy: { redirectSchemes: ['http'] } });
  await assert.rejects(session.data(server.url('/redirect'), { requestPolicy: { redirectSchemes: ['https'] } }), { code: -1022 });
  await session.data(server.url('/echo'), { connectionProxy: {}, requestPolicy: { ipVersion: 'v4', requiredInterface: '127.0.0.1', timeoutIntervalForConnection: 5000, acceptsTransferCodings: true } });
  assert.equal(seen().headers.te, 'gzip');
  await assert.rejects(session.data(server.url('/echo'), { connectionProxy: {}, requestPolicy: { ipVersion: 'v6' } }), { code: -1003 });
  if (process.platform !== 'win32') {
    const local = http.createServer((request, response) => response.end(request.headers.host));
    const unixSocket = inHome('modern.sock');
    await new Promise((resolve) => local.listen(unixSocket, resolve));
    const over = async (to) => (await session.data('http://a.invalid/', { requestPolicy: { unixSocket: to } })).text();
    assert.deepEqual([await over(unixSocket), await over(path.relative('', unixSocket))], ['a.invalid', 'a.invalid']);
    local.close();
    await assert.rejects(session.data('http://a.invalid/', { maximumRetries: 0, requestPolicy: { unixSocket: '/none' } }), { code: -1004 });
  }
  for (const wrong of [{ httpVersion: '2' }, { unixSocket: '' }, { redirectSchemes: ['ftp'] }, { omittedHeaders: ['Host'] }, { path: 'echo' }, { authenticationMethod: 'bearer' }]) {
    await assert.rejects(async () => session.data(server.url('/echo'), { requestPolicy: wrong }), { code: -1 });
  }
});

test('requests go through the proxy of their task, else of their session', async () => {
  const proxied = new Session({ identifier: 'proxied', connectionProxy: { http: server.url('') } });
  await proxied.data('http://origin.invalid/by-session');
  assert.equal(server.requests.at(-1).url, 'http://origin.invalid/by-session');
  await proxied.data(server.url('/straight'), { connectionProxy: {} });
  assert.equal(server.requests.at(-1).url, '/straight');
  await session.data('http://origin.invalid/by-task', { connectionProxy: { http: server.url('') } });
  const told = { http: server.url(''), headers: { 'X-Note': 'for the proxy' }, speaksHttp10: true };
  await session.data('http://origin.invalid/by-task', { connectionProxy: told });
  assert.equal(server.requests.at(-1).headers['x-note'], 'for the proxy');
  assert.equal(server.requests.at(-1).url, 'http://origin.invalid/by-task');
  await proxied.invalidateAndCancel();
});

test('a session that is held to https refuses the rest', async () => {
  const strict = new Session({ identifier: 'strict', tls: { httpsOnly: true } });
  await assert.rejects(strict.data(server.url('/')), { code: -1022 });
  await strict.invalidateAndCancel();
  const clientCertificate = inHome('broken.p12');
  fs.writeFileSync(clientCertificate, Buffer.from([0x30, 0x82, 1, 2]));
  const tls = { clientCertificate, clientCertificatePassword: 'distinctive' };
  await assert.rejects(session.data('https://127.0.0.1:1/', { tls, maximumRetries: 0 }), (error) => {
    assert.equal(error.code, -1206);
    assert.match(error.cause.message, /broken\.p12: it is neither PEM nor PKCS#12/);
    assert.ok(!JSON.stringify([error, error.cause.message]).includes('distinctive'));
    return true;
  });
  assert.throws(() => session.dataTask(server.url('/'), { tls: { minimumVersion: '1.1' } }), URLSessionError);
});

test('caches on the way are told what the policy says, and there is none here', async () => {
  await session.data(server.url('/policy'), { requestCachePolicy: 'reloadIgnoringLocalAndRemoteCacheData' });
  assert.equal(server.requests.at(-1).headers['cache-control'], 'no-cache');
  await assert.rejects(session.data(server.url('/policy'), { requestCachePolicy: 'returnCacheDataDontLoad' }), {
    code: -2000,
  });
  assert.throws(() => session.dataTask(server.url('/'), { requestCachePolicy: 'never' }), URLSessionError);
  const urlCache = { memoryCapacity: 1, diskCapacity: 1 };
  assert.throws(() => new Session({ identifier: 'cached', urlCache }), ({ cause }) => /no URL cache/.test(cause.message));
});

test('a download without destination is there while the process lives', async () => {
  const { path } = await session.download(server.url('/status/404'));
  await session.synced();
  assert.equal(fs.readFileSync(path, 'utf8'), 'status 404');
});

test('uploads and data resolve with the answer', async () => {
  const up = await session.upload(server.url('/up'), Buffer.from('bytes'), { method: 'PUT' });
  assert.equal(up.json().method, 'PUT');
  assert.equal(up.json().body, 'bytes');
  const data = await session.data(server.url('/data'), { body: { a: 1 } });
  assert.equal(data.json().headers['content-type'], 'application/json');
  assert.equal(data.json().body, '{"a":1}');
  const form = await session.data(server.url('/data'), { body: new URLSearchParams({ a: 'b c' }) });
  assert.equal(form.json().headers['content-type'], 'application/x-www-form-urlencoded;charset=UTF-8');
  assert.equal(form.json().body, 'a=b+c');
  const got = await session.data(server.url('/latin1'));
  assert.deepEqual(got.json(), { name: 'Zoë' });
  assert.ok(Buffer.isBuffer(got.body));
});

test('errors are URLSessionErrors', async () => {
  assert.throws(() => session.downloadTask('foobar://a'), (error) => {
    assert.ok(error instanceof URLSessionError);
    assert.ok(error instanceof Error);
    assert.equal(error.code, -1002);
    assert.equal(error.codeName, 'UnsupportedURL');
    assert.equal(error.domain, 'NSURLErrorDomain');
    assert.equal(error.name, 'URLSessionError');
    assert.ok(error.cause instanceof Error);
    return true;
  });
  await assert.rejects(session.upload(server.url('/up'), inHome('missing')), { code: -1100 });
  await assert.rejects(session.download(server.url('/status/500'), { failOnHttpError: true, maximumRetries: 0 }), {
    code: -1011,
    statusCode: 500,
  });
  // Without an end of its own it would be tried for days.
  const times = { retryStatuses: [500], retryInterval: 100, timeoutIntervalForRetries: 250 };
  await assert.rejects(session.download(server.url('/status/500'), { failOnHttpError: true, ...times }), { code: -1011 });
  assert.throws(() => new Session({}), TypeError);
  // Apple's sessions refuse it, and another method is not what was asked for.
  const refused = { code: -1103, message: /a GET request cannot have a body/ };
  assert.throws(() => session.dataTask(server.url('/data'), { method: 'get', body: 'a' }), refused);
  assert.throws(() => session.uploadTask(server.url('/up'), Buffer.from('a'), { method: 'GET' }), refused);
});

test('a promise that nobody waits for is rejected unhandled, a task is not', async () => {
  const { code, lines, errors } = await runApp('unawaited.mjs', []);
  assert.equal(code, 0, errors);
  assert.deepEqual(lines.sort(), ['-1002', '-1005', '-1100', '20', 'TypeError']);
});

test('header fields of any bytes are told', () => {
  const fields = [['x-ascii', 'a'], ['x-latin', 'é'], ['x-wide', '日'], ['set-cookie', 'a=1'], ['set-cookie', 'b=2']];
  const headers = webHeaders(fields.map(([name, value]) => ({ name, value })));
  assert.deepEqual(['x-ascii', 'x-latin'].map((name) => headers.get(name)), ['a', 'é']);
  assert.equal(Buffer.from(headers.get('x-wide'), 'latin1').toString(), '日');
  assert.deepEqual(headers.getSetCookie(), ['a=1', 'b=2']);
});

test('header fields that come back as they were shown are what they were', () => {
  const told = [['X-Wide', '日'], ['Twice', 'a'], ['twice', 'b'], ['Gone', 'x'], ['Empty', ''], ['no name', 'y'], ['Other', 'ü']]
    .map(([name, value]) => ({ name, value }));
  const shown = webHeaders(told);
  const pairs = (headers) => [...headers].map(([name, value]) => ({ name, value }));
  assert.deepEqual(fieldsMeant(pairs(shown), told, true), told);
  shown.delete('gone');
  shown.set('other', 'new');
  const meant = fieldsMeant(pairs(shown), told, false).map(({ name, value }) => `${name}: ${value}`);
  assert.deepEqual(meant, ['X-Wide: 日', 'Twice: a', 'twice: b', 'Empty: ', 'other: new']);
  assert.deepEqual(fieldsMeant([], told, false), []);
});

test('a signal cancels, before and after the start', async () => {
  const controller = new AbortController();
  const download = session.download(server.url('/held'), { signal: controller.signal });
  controller.abort(new Error('enough'));
  await assert.rejects(download, { message: 'enough' });
  await assert.rejects(async () => session.download(server.url('/held'), { signal: controller.signal }), { message: 'enough' });
  assert.deepEqual(await session.tasks(), []);
});

test('a task is created suspended, resumed and cancelled', async () => {
  const task = session.downloadTask(server.url('/bytes/10'), { suspended: true, description: 'later' });
  const [listed] = await session.tasks();
  assert.equal(listed.state, 'suspended');
  assert.equal(listed.description, 'later');
  const again = session.task(task.taskIdentifier);
  assert.equal((await again.status()).state, 'suspended');
  task.resume();
  assert.equal((await again.finished).length, 10, 'found again by its number');
  const other = session.downloadTask(server.url('/held'));
  other.cancel();
  await assert.rejects(other.finished, { code: -999 });
});

test('a task that there is not, or not any more, is waited for by nobody', async () => {
  const gone = session.dataTask(server.url('/data'));
  await gone.finished;
  await session.synced();
  for (const number of [gone.taskIdentifier, 1_000_000]) {
    const task = session.task(number);
    await assert.rejects(task.finished, { code: -1, name: 'URLSessionError' });
    await assert.rejects(task.status(), { code: -1, message: /no such task/ });
  }
});

test('events are iterated over and acknowledged by asking for the next', async () => {
  const own = new Session({ identifier: 'iterated' });
  own.downloadTask(server.url('/bytes/100'));
  const names = [];
  for await (const event of own.events()) {
    names.push(event.name);
    if (event.name !== 'didComplete') continue;
    assert.equal(event.response.statusCode, 200);
    own.finishTasksAndInvalidate();
  }
  assert.deepEqual(names.filter((name) => name !== 'didWriteData'), ['didFinishDownloading', 'didComplete', 'didBecomeInvalid']);
});

test('a process with nothing left to wait for ends its loops and itself', async () => {
  const { code, lines, errors } = await runApp('iterates.mjs', [server.url('/bytes/100')]);
  assert.equal(code, 0, errors);
  assert.deepEqual(lines, ['didFinishDownloading', 'didComplete', 'end']);
});

test('an unreferenced session does not hold the process', async () => {
  const { code, lines } = await runApp('iterates.mjs', [server.url('/held'), 'unref']);
  assert.equal(code, 0);
  assert.deepEqual(lines, ['end']);
});

test('reset and flush resolve', async () => {
  await session.reset();
  await session.flush();
});
