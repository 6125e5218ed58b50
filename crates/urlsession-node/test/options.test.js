// Every option of the modern face that is misspelt, or is what it cannot be, throws and is named.
'use strict';

const assert = require('node:assert/strict');
const { getEventListeners } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { Readable } = require('node:stream');
const { test } = require('node:test');
const vm = require('node:vm');
require('./support/home.js');
const { useNative } = require('../lib/native.js');
const { FakeNative } = require('./support/fake-native.js');
const { OPTIONS } = require('../lib/modern/configuration.js');
const {
  CERTIFICATE, COOKIE, CREDENTIAL, EDIT, ELSEWHERE, KEPT, KNOWN_HOST, POLICY, PROXY, TLS,
} = require('../lib/modern/fields.js');
const { TASKS } = require('../lib/modern/task-options.js');

useNative({ NativeSession: FakeNative });
const urlSession = require('../index.js');
const { Session } = urlSession;

const url = 'http://127.0.0.1/';
const create = (options) => new Session({ identifier: 'options', ...options });
const session = create({});
const task = (method) => (options) => session[`${method}Task`](...(method === 'upload' ? [url, Buffer.alloc(1)] : [url]), options);
const [download, upload, data] = ['download', 'upload', 'data'].map(task);

// Who takes it, what is given, what is said.
const wrong = [
  [create, { timeoutIntervalForRequest: '60' }, /`timeoutIntervalForRequest` must be a number of milliseconds, 1 or more/],
  [create, { timeoutIntervalForResource: 0 }, /`timeoutIntervalForResource` must/],
  [create, { timeoutIntervalForRequest: NaN }, /`timeoutIntervalForRequest` must/],
  [create, { maximumConnectionsPerHost: 0 }, /`maximumConnectionsPerHost` must be a whole number, 1 or more/],
  [create, { maximumConcurrentTasks: 1.5 }, /`maximumConcurrentTasks` must/],
  [create, { httpCookieStorage: true }, /`httpCookieStorage` must be a string/],
  [create, { usesStrictTransportSecurity: 'no' }, /`usesStrictTransportSecurity` must be true or false/],
  [create, { answersChallenges: 'yes' }, /`answersChallenges` must be true or false/],
  [create, { onChallenge: 1 }, /`onChallenge` must be a function/],
  [create, { applicationId: 7 }, /`applicationId` must/],
  [create, { headers: 'a: b' }, /`headers` must be an object/],
  [create, { caCertificates: 'root.pem' }, /`caCertificates` must be a list of strings/],
  [create, { credential: 'me:secret' }, /`credential` must be an object$/],
  [create, { credential: { user: 'me' } }, /`credential.password` is missing/],
  [create, { credential: { user: 'me', password: 5 } }, /`credential.password` must be a string$/],
  [create, { credential: { user: 'me', password: '', persistance: 'none' } }, /no option `credential.persistance`; is `credential.persistence` meant/],
  [create, { connectionProxy: 'http://proxy' }, /`connectionProxy` must be an object/],
  [create, { connectionProxy: { headers: 'a: b' } }, /`connectionProxy.headers` must be an object/],
  [create, { connectionProxy: { htp: 'http://proxy' } }, /no option `connectionProxy.htp`; is `connectionProxy.http` meant/],
  [create, { tls: '1.3' }, /`tls` must be an object/],
  [create, { tls: { minimumversion: '1.3' } }, /no option `tls.minimumversion`; is `tls.minimumVersion` meant/],
  [create, { tls: { minimumVersion: 1.3 } }, /`tls.minimumVersion` must be a string/],
  [create, { tls: { pinnedPublicKeys: 'sha256//' } }, /`tls.pinnedPublicKeys` must be a list/],
  [create, { urlCache: { memoryCapacity: 1 } }, /`urlCache.diskCapacity` is missing/],
  [create, { timeoutIntervalForResorce: 1 }, /no option `timeoutIntervalForResorce`; is `timeoutIntervalForResource` meant/],
  [create, { zebra: 1 }, /^There is no option `zebra`$/],
  [data, 'x', /options of a data task must be an object/],
  [data, null, /options of a data task must be an object/],
  [data, { metod: 'GET' }, /no option `metod` of a data task; is `method` meant/],
  [data, { method: 5 }, /`method` must be a string/],
  [data, { destination: 'x' }, /no option `destination` of a data task/],
  [data, { signal: 1 }, /`signal` must be an AbortSignal/],
  [data, { onProgress: 1 }, /`onProgress` must be a function/],
  [data, { priority: 2 }, /`priority` must be a number from 0 to 1/],
  [data, { earliestBeginDate: 'soon' }, /`earliestBeginDate` must be a valid Date/],
  [data, { earliestBeginDate: new Date(NaN) }, /`earliestBeginDate` must/],
  [data, { limitRate: 0 }, /`limitRate` must be a number of bytes per second/],
  [data, { lowestSpeed: 1000 }, /`lowestSpeed` must be an object/],
  [data, { lowestSpeed: { bytesPerSecond: 1000 } }, /`lowestSpeed.seconds` is missing/],
  [data, { lowestSpeed: { bytesPerSecond: 0, seconds: 30 } }, /`lowestSpeed.bytesPerSecond` must be a whole number, 1 or more/],
  [data, { lowestSpeed: { bytesPerSecond: 1, seconds: 86401 } }, /`lowestSpeed.seconds` must be a whole number from 1 to 86400/],
  [data, { lowestSpeed: { bytesPerSecond: 1, second: 30 } }, /no option `lowestSpeed.second`; is `lowestSpeed.seconds` meant/],
  [data, { timeoutIntervalForRequest: 0.5 }, /`timeoutIntervalForRequest` must be a number of milliseconds, 1 or more/],
  [data, { maximumResponseSize: 0.5 }, /`maximumResponseSize` must be a whole number of bytes/],
  [data, { maximumResponseSize: '9' }, /`maximumResponseSize` must be a whole number of bytes/],
  [create, { urlCache: { memoryCapacity: 1.5, diskCapacity: 0 } }, /`urlCache.memoryCapacity` must be a whole number of bytes/],
  [data, { retryInterval: 0 }, /`retryInterval` must be a number of milliseconds, 1 or more/],
  [data, { timeoutIntervalForRetries: 'soon' }, /`timeoutIntervalForRetries` must/],
  [data, { maximumRetries: -1 }, /`maximumRetries` must be a whole number, 0 or more/],
  [data, { maximumRedirects: 101 }, /`maximumRedirects` must be a whole number from 0 to 100/],
  [data, { retryStatuses: 503 }, /`retryStatuses` must be a list of HTTP statuses/],
  [data, { recoverableStatuses: [200] }, /`recoverableStatuses` must be a list of HTTP statuses from 400 to 599/],
  [data, { failOnHttpError: 1 }, /`failOnHttpError` must/],
  [data, { headers: [['a']] }, /`headers` must/],
  [data, { tls: { httpsonly: true } }, /no option `tls.httpsonly`; is `tls.httpsOnly` meant/],
  [data, { requestPolicy: { omitedHeaders: [] } }, /no option `requestPolicy.omitedHeaders`; is `requestPolicy.omittedHeaders` meant/],
  [data, { requestPolicy: { keepsPost: [307] } }, /`requestPolicy.keepsPost` must be a list of HTTP statuses from 301 to 303/],
  [data, { requestPolicy: { connectTo: { host: 'a' } } }, /`requestPolicy.connectTo` must be a list of objects/],
  [data, { requestPolicy: { connectTo: [{ toPort: 0 }] } }, /`requestPolicy.connectTo\[0\].toPort` must be a whole number from 1 to 65535/],
  [data, { requestPolicy: { timeoutIntervalForConnection: 0 } }, /`requestPolicy.timeoutIntervalForConnection` must be a number of milliseconds, 1 or more/],
  [data, { requestPolicy: { ipVersion: 4 } }, /`requestPolicy.ipVersion` must be a string/],
  [data, { onRedirect: () => {} }, /`onRedirect` is not supported: .*`redirect`/],
  [download, { destination: 5 }, /`destination` must be a path or a file URL/],
  [download, { destination: '' }, /`destination` must/],
  [download, { destination: new URL(url) }, /`destination` must/],
  ...['folder/', '/folder/.', '..', new URL('file:///folder/')]
    .map((destination) => [download, { destination }, /`destination` must be a file, .* add a name, or .* `suggestedFilename`/]),
  [(source) => session.uploadTask(url, source), new URL(url), /source of an upload must be a path, a file URL or bytes/],
  [download, { body: 'x' }, /no option `body` of a download task/],
  ...[new Blob(['x']), new FormData(), new Map([['a', 'b']]), new ReadableStream(), Readable.from(['x']), Promise.resolve()]
    .map((body) => [data, { body }, /The body must be text, bytes, URLSearchParams or .*: read a Blob/]),
  [upload, { checksum: 'md5:' }, /no option `checksum` of an upload task/],
  [() => session.dataTask(), undefined, /URL must be a string or a URL/],
  [() => session.dataTask({ url }), undefined, /URL must/],
  [() => session.dataTask(new URL(url), new URL(url)), undefined, /options of a data task must be an object/],
  [() => session.task('1'), undefined, /task is given by its number or itself/],
];

for (const [call, given, message] of wrong) {
  test(`refused: ${message.source}`, () => {
    const before = FakeNative.sessions.flatMap(({ calls }) => calls).length;
    assert.throws(() => call(given), (error) => error instanceof TypeError && message.test(error.message) && !/secret/.test(error.message));
    assert.equal(FakeNative.sessions.flatMap(({ calls }) => calls).length, before, 'no task came of it');
  });
}

test('bytes are bytes, whoever made them', () => {
  const foreign = vm.runInNewContext('new Uint8Array([1, 2]).buffer');
  const shared = new SharedArrayBuffer(2);
  const titanium = urlSession.createSession({ configuration: urlSession.createSessionConfiguration({ identifier: 'options' }) });
  const sent = () => [...FakeNative.sessions[0].calls.at(-1)[1].data];
  for (const [bytes, expected] of [[foreign, [1, 2]], [shared, [0, 0]]]) {
    session.uploadTask(url, bytes);
    assert.deepEqual(sent(), expected);
    session.dataTask(url, { body: bytes });
    assert.deepEqual(sent(), expected);
    titanium.dataTask({ url, data: bytes });
    assert.deepEqual(sent(), expected);
  }
});

test('a body is what the session says, where the task does not', () => {
  const headers = { 'content-type': 'application/x-mine' };
  const modern = new Session({ identifier: 'typed', headers });
  const daemon = FakeNative.last;
  const sent = () => daemon.calls.at(-1)[1].headers.map(({ value }) => value);
  modern.dataTask(url, { body: 'x' });
  assert.deepEqual(sent(), []);
  modern.dataTask(url, { body: 'x', headers: { 'Content-Type': 'a/b' } });
  assert.deepEqual(sent(), ['a/b']);
  const configuration = urlSession.createSessionConfiguration({ identifier: 'typed', HTTPHeaderFields: headers });
  urlSession.createSession({ configuration }).dataTask({ url, data: { a: 1 } });
  assert.deepEqual(sent(), []);
  data({ body: {} });
  assert.deepEqual(FakeNative.sessions[0].calls.at(-1)[1].headers, [{ name: 'Content-Type', value: 'application/json' }]);
});

test('what has an address is a URL', () => {
  const foreign = { href: `${url}foreign` };
  session.dataTask(foreign, { mainDocumentUrl: foreign });
  const [, created] = FakeNative.sessions[0].calls.at(-1);
  assert.deepEqual([created.url, created.mainDocumentUrl], [foreign.href, foreign.href]);
});

test('a folder is one where the server names the file', () => {
  const destination = (given, of = url) => {
    session.downloadTask(of, { destination: given, suggestedFilename: 'replace' });
    return FakeNative.sessions[0].calls.at(-1)[1].destination;
  };
  assert.equal(destination('/folder/', `${url}a/file%20%C3%BC.txt?b=c`), path.resolve('/folder/file ü.txt'));
  for (const name of ['', '..%2Fa', '.hidden', 'a%00', '%ff', 'a%5Cb']) assert.equal(destination('/folder/', url + name), path.resolve('/folder/download'));
  assert.equal(destination('.'), path.resolve('download'));
  assert.equal(destination(new URL('file:///folder/')), path.resolve('/folder/download'));
  assert.equal(destination('/folder/name'), path.resolve('/folder/name'), 'its folder is meant');
});

test('a signal has one listener, however many tasks and loops it ends', async () => {
  const { signal, abort } = ((controller) => ({ signal: controller.signal, abort: () => controller.abort() }))(new AbortController());
  const daemon = FakeNative.sessions[0];
  const before = daemon.calls.length;
  const [ended, ...tasks] = Array.from({ length: 20 }, () => data({ signal }));
  const loop = session.events({ signal });
  assert.equal(getEventListeners(signal, 'abort').length, 1);
  daemon.tell('didComplete', ended.taskIdentifier, {});
  await ended.finished;
  abort();
  const cancelled = daemon.calls.slice(before).filter(([name]) => name === 'cancel').map(([, number]) => number);
  assert.deepEqual(cancelled, tasks.map(({ taskIdentifier }) => taskIdentifier));
  assert.equal((await loop.next()).done, true);
  for (const { taskIdentifier } of tasks) daemon.tell('didComplete', taskIdentifier, { error: { code: -999, message: 'cancelled' } });
  await Promise.allSettled(tasks.map(({ finished }) => finished));
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('a signal that cannot cancel a task rejects with its reason, and ends nothing else', async () => {
  const gone = new Session({ identifier: 'without a daemon' });
  const daemon = FakeNative.last;
  daemon.cancel = () => { throw new Error(JSON.stringify({ code: -997, message: 'lost', detail: 'no daemon' })); };
  const ending = new AbortController();
  const tasks = [1, 2].map(() => gone.dataTask(url, { signal: ending.signal }));
  ending.abort(new Error('enough'));
  for (const { finished } of tasks) await assert.rejects(finished, { message: 'enough' });
  for (const { taskIdentifier } of tasks) daemon.tell('didComplete', taskIdentifier, {});
  assert.deepEqual(daemon.acknowledged, [1, 2], 'their end is nobody else’s');
  assert.equal(getEventListeners(ending.signal, 'abort').length, 0);
});

test('promises are rejected by name, too', async () => {
  await assert.rejects(session.edit(1, { ur: url }), /no option `ur` of an edit; is `url` meant/);
  await assert.rejects(session.edit(1, null), /options of an edit must be an object/);
  await assert.rejects(session.edit('one', { url }), /task is given by its number/);
  await assert.rejects(session.answer(1, {}, { user: 'me' }), /`password` is missing/);
  for (const challenge of [undefined, null, 'a']) {
    await assert.rejects(session.answer(1, challenge, 'useServerTrust'), /challenge must be the one that was told/);
  }
  await assert.rejects(session.credentials.set(url, { user: 'me', password: '', persistance: 'permanent' }), /is `persistence` meant/);
  assert.throws(() => session.events({ signl: new AbortController().signal }), /no option `signl` of a loop; is `signal` meant/);
  await assert.rejects(session.credentials.remove(url, { relm: 'a' }), /no option `relm` of a removal; is `realm` meant/);
  await assert.rejects(session.credentials.remove(undefined, { realm: 'a' }), /A realm is a part of a server/);
  const cookie = { name: 'a', value: 'b', domain: 'example.com' };
  await assert.rejects(session.cookies.set([cookie, { ...cookie, htpOnly: true }]), /no option `htpOnly` of a cookie; is `httpOnly` meant/);
  await assert.rejects(session.cookies.set({ name: 'a', value: 'b' }), /`domain` is missing/);
  await assert.rejects(session.cookies.list(5), /`domain` must be a string/);
  await assert.rejects(session.knownHosts.add({ host: 'example.com' }), /`expires` is missing/);
  await assert.rejects(session.knownHosts.remove(null), /`host` must be a string/);
});

test('what is absent is the default, and what is right comes through', () => {
  for (const call of [create, download, upload, data]) {
    assert.doesNotThrow(() => call({ headers: undefined, tls: null, timeoutIntervalForRequest: undefined }));
  }
  create({ onChallenge: null });
  assert.equal(FakeNative.last.options.answersChallenges, false);
  data({
    headers: new Headers({ a: 'b' }), priority: 1, earliestBeginDate: new Date(5), retryStatuses: [503], maximumRetries: 0,
    signal: new AbortController().signal, mainDocumentUrl: new URL(url), body: null, segments: 'automatic',
  });
  const [, created] = FakeNative.sessions[0].calls.at(-1);
  assert.deepEqual(created.headers, [{ name: 'a', value: 'b' }]);
  assert.equal(created.mainDocumentUrl, url);
  assert.equal(created.earliestBeginDate, 5);
  assert.equal(created.method, 'GET');
});

test('the declarations have the same options', () => {
  const page = fs.readFileSync(path.join(__dirname, '../modern.d.ts'), 'utf8');
  const declared = (name) => {
    const [, body] = new RegExp(`interface ${name} (?:extends \\w+ )?{\\n(.*?)\\n}`, 's').exec(page);
    return [...body.matchAll(/^ {2}(\w+)\??:/gm)].map(([, field]) => field);
  };
  const same = (table, ...names) => {
    // A refused name is no option.
    const known = [...table].filter(([, { why }]) => !why).map(([name]) => name);
    assert.deepEqual(known.sort(), [...new Set(names.flatMap(declared))].sort(), names.join());
  };
  same(OPTIONS, 'CommonSessionOptions', 'BackgroundSessionOptions', 'InProcessSessionOptions');
  same(TASKS.data.table, 'TaskOptions', 'DataOptions');
  same(TASKS.download.table, 'TaskOptions', 'DownloadOptions');
  same(TASKS.upload.table, 'TaskOptions');
  same(CREDENTIAL.table, 'Credential');
  same(CERTIFICATE.table, 'ClientCertificate');
  same(PROXY.table, 'ConnectionProxy');
  same(TLS.table, 'TlsPolicy');
  same(POLICY.table, 'RequestPolicy');
  same(ELSEWHERE.table, 'ConnectTo');
  same(EDIT.table, 'RequestEdit');
  same(COOKIE.table, 'NewCookie');
  same(KNOWN_HOST.table, 'NewKnownHost');
  assert.deepEqual([...KEPT.table.keys()].sort(), ['password', 'persistence', 'realm', 'user']);
});
