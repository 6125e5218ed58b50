// The Titanium face against a real daemon and a real server.
'use strict';

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const { after, before, test } = require('node:test');
const { home, inHome, urlsession } = require('./support/home.js');
const { listen } = require('./support/listen.js');
const { Server, sha256Of } = require('./support/server.js');
const urlSession = require('../index.js');

let server;
let session;
let told;

before(async () => {
  server = await Server.start();
  told = listen(Ti.App.iOS);
  session = open('main');
});

after(() => {
  session.invalidateAndCancel();
  server.stop();
});

test('the module says what it is', () => {
  assert.equal(urlSession.moduleId, 'com.appcelerator.urlSession');
  assert.equal(session.identifier, 'main');
  assert.deepEqual(session.HTTPHeaderFields, { 'X-Session': 'yes' });
  assert.equal(session.configuration.identifier, 'main');
  assert.equal(open('main'), session, 'the pre-existing session is returned');
});

test('a download tells its progress, its file and its end', async () => {
  const task = session.downloadTask({ url: server.url('/bytes/3000000'), requestHeaders: { 'X-Task': 'a' } });
  const end = await told.ended(task);
  const own = told.events.filter((event) => event.taskIdentifier === task);
  const [progress] = own;
  assert.deepEqual(keys(progress), [
    'bubbles', 'bytesWritten', 'cancelBubble', 'sessionIdentifier', 'source', 'taskIdentifier',
    'totalBytesExpectedToWrite', 'totalBytesWritten', 'type',
  ]);
  assert.equal(progress.type, 'downloadprogress');
  assert.equal(progress.totalBytesExpectedToWrite, 3000000);
  const completed = own.at(-2);
  assert.deepEqual(keys(completed), [
    'bubbles', 'cancelBubble', 'data', 'sessionIdentifier', 'source', 'taskIdentifier', 'type',
  ]);
  assert.equal(completed.type, 'downloadcompleted');
  assert.equal(completed.source, Ti.App.iOS);
  assert.equal(sha256(completed.data.bytes()), sha256Of(3000000), 'the blob outlives its listener');
  assert.deepEqual({ ...end, source: undefined }, {
    bubbles: false,
    cancelBubble: false,
    errorCode: 0,
    sessionIdentifier: 'main',
    source: undefined,
    statusCode: 200,
    success: true,
    taskIdentifier: task,
    type: 'sessioncompleted',
  });
  const { headers } = server.requests.at(-1);
  assert.equal(headers['x-session'], 'yes');
  assert.equal(headers['x-task'], 'a');
});

for (const status of [401, 404, 500]) {
  test(`a ${status} is a download with a body, not an error`, async () => {
    const task = session.downloadTask({ url: server.url(`/status/${status}`) });
    const end = await told.ended(task);
    assert.equal(end.success, true);
    assert.equal(end.statusCode, status);
    const { data } = told.events.find((event) => event.type === 'downloadcompleted' && event.taskIdentifier === task);
    assert.equal(data.text, `status ${status}`);
  });
}

test('bodies of no bytes and of unknown length arrive', async () => {
  const empty = session.downloadTask({ url: server.url('/bytes/0') });
  const chunked = session.downloadTask({ url: server.url('/chunked/2000000') });
  await Promise.all([told.ended(empty), told.ended(chunked)]);
  const blob = (task) => told.events.find((event) => event.type === 'downloadcompleted' && event.taskIdentifier === task).data;
  assert.equal(blob(empty).length, 0);
  assert.equal(sha256(blob(chunked).bytes()), sha256Of(2000000));
  const progress = told.events.find((event) => event.type === 'downloadprogress' && event.taskIdentifier === chunked);
  assert.equal(progress.totalBytesExpectedToWrite, 0, 'unknown is 0');
});

test('a file is moved into place without a copy', async () => {
  let moved;
  const listener = (event) => {
    const file = Ti.Filesystem.getFile(Ti.Filesystem.applicationDataDirectory, 'moved.bin');
    const { ino } = fs.statSync(event.data.nativePath);
    assert.equal(file.write(event.data), true);
    moved = { file, before: ino };
  };
  Ti.App.iOS.addEventListener('downloadcompleted', listener);
  await told.ended(session.downloadTask({ url: server.url('/bytes/100000') }));
  Ti.App.iOS.removeEventListener('downloadcompleted', listener);
  assert.equal(fs.statSync(moved.file.nativePath).ino, moved.before, 'it is the same file');
  assert.equal(moved.file.size, 100000);
});

test('a download goes to its destination', async () => {
  const destination = inHome('there.bin');
  await told.ended(session.downloadTask({ url: server.url('/bytes/12345'), destination }));
  assert.equal(fs.statSync(destination).size, 12345);
});

test('an upload sends paths, files, blobs, buffers and bytes', async () => {
  const file = Ti.Filesystem.getFile(inHome('upload.txt'));
  file.write('some text');
  const sources = [
    file.nativePath,
    `file://${file.nativePath}`,
    file,
    file.read(),
    Ti.createBuffer({ value: 'some text' }),
    Buffer.from('some text'),
    new TextEncoder().encode('some text'),
  ];
  const tasks = sources.map((data) => session.uploadTask({ url: server.url('/up'), data, requestHeaders: { 'X-A': 'b' } }));
  const ends = await Promise.all(tasks.map((task) => told.ended(task)));
  for (const end of ends) {
    const echo = JSON.parse(end.responseText);
    assert.equal(echo.method, 'POST');
    assert.equal(echo.body, 'some text');
    assert.equal(echo.headers['x-a'], 'b');
    assert.equal(end.responseData.mimeType, 'application/json');
  }
  const progress = told.events.filter((event) => event.type === 'uploadprogress');
  assert.ok(progress.length > 0);
  assert.deepEqual(keys(progress[0]), [
    'bubbles', 'bytesSent', 'cancelBubble', 'sessionIdentifier', 'source', 'taskIdentifier',
    'totalBytesExpectedToSend', 'totalBytesSent', 'type',
  ]);
});

test('an upload of 300 MiB arrives whole', async () => {
  const length = 300 * 1024 * 1024;
  const file = fs.openSync(inHome('large.bin'), 'w');
  const chunk = Buffer.alloc(1024 * 1024, 'urlsession ');
  for (let at = 0; at < length; at += chunk.length) fs.writeSync(file, chunk);
  fs.closeSync(file);
  const end = await told.ended(session.uploadTask({ url: server.url('/up'), data: inHome('large.bin'), method: 'PUT' }));
  const echo = JSON.parse(end.responseText);
  assert.equal(echo.method, 'PUT');
  assert.equal(echo.length, length);
  assert.equal(echo.sha256, sha256Of(length));
  fs.rmSync(inHome('large.bin'));
});

test('an upload of a file that is missing ends with -1100', async () => {
  const end = await told.ended(session.uploadTask({ url: server.url('/up'), data: inHome('missing') }));
  assert.equal(end.success, false);
  assert.equal(end.errorCode, -1100);
});

test('data is JSON, text or bytes, and says so', async () => {
  const cases = [
    [{ a: [1, 'é'] }, 'application/json', '{"a":[1,"é"]}'],
    [[1], 'application/json', '[1]'],
    [5, 'application/json', '5'],
    ['text', 'text/plain;charset=UTF-8', 'text'],
    [Buffer.from('bytes'), 'application/octet-stream', 'bytes'],
  ];
  for (const [data, type, body] of cases) {
    const end = await told.ended(session.dataTask({ url: server.url('/data'), data }));
    const echo = JSON.parse(end.responseText);
    assert.equal(echo.headers['content-type'], type);
    assert.equal(Buffer.from(echo.body, 'latin1').toString(), body);
  }
  const end = await told.ended(session.dataTask({ url: server.url('/data'), method: 'GET' }));
  assert.equal(JSON.parse(end.responseText).method, 'GET');
});

test('an answer that is no UTF-8 is decoded, and its bytes are there', async () => {
  const latin1 = await told.ended(session.dataTask({ url: server.url('/latin1'), data: {} }));
  assert.deepEqual(JSON.parse(latin1.responseText), { name: 'Zoë' });
  const binary = await told.ended(session.dataTask({ url: server.url('/binary'), data: {} }));
  assert.deepEqual([...binary.responseData.bytes()], [0xff, 0xfe, 0x00, 0x80]);
  assert.equal(typeof binary.responseText, 'string');
});

test('two sessions are never mixed', async () => {
  const other = open('other');
  const own = listen(other);
  const [mine, theirs] = [session.downloadTask({ url: server.url('/bytes/10') }), other.downloadTask({ url: server.url('/bytes/20') })];
  await Promise.all([told.ended(mine, 'main'), told.ended(theirs, 'other')]);
  assert.ok(own.events.length > 0);
  assert.ok(own.events.every((event) => event.sessionIdentifier === 'other' && event.source === other));
  other.invalidateAndCancel();
  await told.until((event) => event.type === 'sessioninvalidated' && event.sessionIdentifier === 'other');
  const reborn = open('other');
  assert.notEqual(reborn, other);
  assert.equal((await told.ended(reborn.downloadTask({ url: server.url('/bytes/30') }), 'other')).success, true);
  reborn.invalidateAndCancel();
});

test('a blob that a download left can be uploaded, though its file goes away', async () => {
  const task = session.downloadTask({ url: server.url('/status/200') });
  await told.ended(task);
  let { data } = told.events.find((event) => event.type === 'downloadcompleted' && event.taskIdentifier === task);
  const upload = session.uploadTask({ url: server.url('/up'), data });
  fs.rmSync(data.nativePath);
  data = undefined;
  assert.equal(JSON.parse((await told.ended(upload)).responseText).body, 'status 200');
});

test('a task is paused, listed, resumed and cancelled', async () => {
  const task = session.downloadTask({ url: server.url('/held'), description: 'mine' });
  session.pause(task);
  const [listed] = (await tasks()).filter(({ taskIdentifier }) => taskIdentifier === task);
  assert.equal(listed.state, 'suspended');
  assert.equal(listed.description, 'mine');
  session.resume(task);
  assert.equal((await tasks()).find(({ taskIdentifier }) => taskIdentifier === task).state, 'running');
  session.cancel(task);
  const end = await told.ended(task);
  assert.equal(end.success, false);
  assert.equal(end.errorCode, -999);
  assert.equal(end.message, 'cancelled');
  assert.equal(end.errorDomain, 'NSURLErrorDomain');
  assert.match(end.failingURL, /\/held$/);
});

test('reset and flush call back', async () => {
  for (const method of ['reset', 'flush']) {
    const answer = await new Promise((resolve) => { session[method](resolve); });
    assert.deepEqual(answer, { completed: true });
  }
});

test('the daemon keeps nothing that was acknowledged', async () => {
  await new Promise((resolve) => { session.flush(resolve); });
  assert.deepEqual(await tasks(), []);
  const status = JSON.parse(await urlsession('daemon', 'status', '--json'));
  assert.equal(status.events_owed, 0);
});

function open(identifier) {
  const HTTPHeaderFields = { 'X-Session': 'yes' };
  return urlSession.createSession({ configuration: urlSession.createSessionConfiguration({ identifier, HTTPHeaderFields }) });
}

function tasks() {
  return new Promise((resolve) => { session.getTasks((answer) => resolve(answer.tasks)); });
}

function keys(event) {
  return Object.keys(event).sort();
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
