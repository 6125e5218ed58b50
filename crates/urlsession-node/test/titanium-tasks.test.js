// What tasks of the Titanium face can be asked for beyond the original, and under its historical names.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { after, before, test } = require('node:test');
const { inHome, urlsession } = require('./support/home.js');
const { listen } = require('./support/listen.js');
const { Server, sha256Of } = require('./support/server.js');
const urlSession = require('../index.js');

const HOUR = 3_600_000;

let server;
let session;
let told;

before(async () => {
  server = await Server.start();
  told = listen(Ti.App.iOS);
  session = urlSession.createSession({ configuration: urlSession.createSessionConfiguration({ identifier: 'tasks' }) });
});

after(() => {
  session.invalidateAndCancel();
  server.stop();
});

test('a download has a method, a description and a priority, and begins when it shall', async () => {
  const url = server.url('/bytes/10');
  const date = Date.now() + HOUR;
  const later = session.downloadTask({ url, description: 'later', priority: 1, earliestBeginDate: new Date(date) });
  const { tasks } = await new Promise((resolve) => { session.getTasks(resolve); });
  const { description, reason, waitingUntil } = tasks.find(({ taskIdentifier }) => taskIdentifier === later);
  assert.deepEqual([description, reason, waitingUntil], ['later', 'begin', date]);
  session.cancel(later);
  assert.equal((await told.ended(later)).errorCode, -999);
  await told.ended(session.downloadTask({ url, method: 'POST' }));
  assert.equal(server.requests.at(-1).method, 'POST');
});

test('a download goes on from resume data', async () => {
  const length = 200000;
  const url = server.url(`/halves/${length}`);
  const begun = session.downloadTask({ url });
  await told.until((event) => event.taskIdentifier === begun && event.totalBytesWritten === length / 2);
  const task = new urlSession.Session({ identifier: 'tasks' }).task(begun);
  const resumeData = await task.cancelByProducingResumeData();
  await assert.rejects(task.finished, { code: -999 });
  const destination = inHome('resumed');
  const resumed = session.downloadTask({ url, resumeData, destination });
  assert.equal((await told.ended(resumed)).success, true);
  const { fileOffset, expectedTotalBytes } = await told.until(({ type }) => type === 'downloadresumed');
  assert.deepEqual([fileOffset, expectedTotalBytes], [length / 2, length]);
  assert.equal(server.requests.at(-1).headers.range, `bytes=${length / 2}-`);
  assert.equal(fs.statSync(destination).size, length);
  assert.equal(sha256(destination), sha256Of(length));
});

test('an HTTP error is an error where a task says so', async () => {
  const end = await told.ended(session.downloadTask({ url: server.url('/status/404'), failOnHttpError: true }));
  assert.deepEqual([end.success, end.errorCode, end.statusCode], [false, -1011, 404]);
});

test('what a task asks is fired, and answered by number', async () => {
  const configuration = urlSession.createSessionConfiguration({ identifier: 'asks', answersChallenges: true });
  const own = urlSession.createSession({ configuration });
  own.addEventListener('challengereceived', ({ taskIdentifier, challenge }) => {
    own.answer(taskIdentifier, challenge, { user: 'me', password: 'pw' });
  });
  own.addEventListener('requestdelayed', ({ taskIdentifier, statusCode }) => {
    assert.equal(statusCode, 403);
    own.edit(taskIdentifier, { requestHeaders: { Authorization: 'Bearer fresh' } });
  });
  const asked = own.dataTask({ url: server.url('/basic/me:pw'), method: 'GET' });
  assert.equal((await told.ended(asked, 'asks')).responseText, 'let in');
  const refused = own.downloadTask({ url: server.url('/bearer/fresh'), recoverableStatuses: [403] });
  assert.equal((await told.ended(refused, 'asks')).statusCode, 200);
  own.invalidateAndCancel();
});

test('the metrics come before the end, to those who listen', async () => {
  const seen = [];
  const note = ({ type, metrics }) => seen.push([type, metrics?.transactionMetrics.length]);
  for (const name of ['metricscollected', 'sessioncompleted']) session.addEventListener(name, note);
  await told.ended(session.downloadTask({ url: server.url('/redirect') }));
  for (const name of ['metricscollected', 'sessioncompleted']) session.removeEventListener(name, note);
  assert.deepEqual(seen, [['metricscollected', 2], ['sessioncompleted', undefined]]);
});

test('the historical names work, and warn', async (t) => {
  const warn = t.mock.method(console, 'warn', () => {});
  const configuration = urlSession.createURLSessionBackgroundConfiguration('historical');
  const historical = urlSession.createSession(configuration);
  assert.equal(urlSession.createURLSession(configuration), historical);
  const tasks = [
    urlSession.backgroundDownloadTaskWithURL(historical, server.url('/bytes/1')),
    urlSession.downloadTask({ session: historical, url: server.url('/bytes/2') }),
    urlSession.uploadTask({ session: historical, url: server.url('/up'), data: Buffer.from('a') }),
    urlSession.dataTask({ session: historical, url: server.url('/data') }),
  ];
  assert.deepEqual(tasks, [1, 2, 3, 4]);
  for (const task of tasks) assert.equal((await told.ended(task, 'historical')).success, true);
  urlSession.finishTasksAndInvalidate(historical);
  await told.until((event) => event.type === 'sessioninvalidated' && event.sessionIdentifier === 'historical');
  assert.equal(warn.mock.callCount(), 4, 'the configuration, the session, the download and the end');

  const cancelled = urlSession.createSession({ configuration });
  const task = cancelled.downloadTask({ url: server.url('/held') });
  urlSession.invalidateAndCancel(cancelled);
  const isEnd = (event) => event.sessionIdentifier === 'historical' && event.errorCode === -999;
  assert.equal((await told.until(isEnd)).taskIdentifier, task);
  assert.equal(warn.mock.callCount(), 5);
});

test('an upload sends what is a blob, and bytes of any kind', async () => {
  const part = new Uint8Array(Buffer.from('some text.')).subarray(0, 9);
  class OwnBlob extends Ti.Blob {}
  const sources = [
    Ti.createBuffer({ value: 'some text' }).toBlob(),
    new OwnBlob({ length: 9, readNow: () => Buffer.from('some text') }),
    part,
    part.buffer.slice(0, 9),
    new URL(`file://${written('some text')}`),
  ];
  for (const data of sources) {
    const end = await told.ended(session.uploadTask({ url: server.url('/up'), data }));
    assert.equal(JSON.parse(end.responseText).body, 'some text');
  }
});

test('the answers of two sessions are never mixed, though their tasks have the same number', async () => {
  const names = ['one', 'two'];
  const sessions = names.map((identifier) => urlSession.createSession({
    configuration: urlSession.createSessionConfiguration({ identifier }),
  }));
  const tasks = sessions.map((own, index) => own.dataTask({ url: server.url('/data'), data: names[index] }));
  assert.deepEqual(tasks, [1, 1]);
  for (const name of names) {
    const end = await told.ended(1, name);
    assert.equal(JSON.parse(end.responseText).body, name);
  }
  sessions.forEach((own) => own.invalidateAndCancel());
});

test('a person sees the tasks too', async () => {
  const task = session.downloadTask({ url: server.url('/held'), description: 'mine' });
  const { description, state } = JSON.parse(await urlsession('show', '--json', `com.example.test/tasks/${task}`));
  assert.deepEqual([description, state], ['mine', 'running']);
});

function written(text) {
  fs.writeFileSync(inHome('written'), text);
  return inHome('written');
}

function sha256(file) {
  return require('node:crypto').createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}
