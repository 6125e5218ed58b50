// Tasks that ask their app: for another request, or for a credential.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { after, before, test } = require('node:test');
const { runApp } = require('./support/app.js');
const { urlsession } = require('./support/home.js');
const { Server } = require('./support/server.js');
const { Questions } = require('../lib/modern/questions.js');
const { Session } = require('../index.js');

let server;
let session;

before(async () => {
  server = await Server.start();
  session = new Session({ identifier: 'questions' });
});

after(async () => {
  await session.invalidateAndCancel();
  server.stop();
});

const refusing = { recoverableStatuses: [403] };

test('a refused task goes on with the request that its handler returns', async () => {
  const asked = [];
  const { path } = await session.download(server.url('/bearer/fresh'), {
    ...refusing,
    headers: { Authorization: 'Bearer stale' },
    onDelayedRequest: async ({ taskIdentifier, error }) => {
      asked.push([typeof taskIdentifier, error.statusCode]);
      return { headers: { Authorization: 'Bearer fresh' } };
    },
  });
  assert.equal(fs.readFileSync(path, 'utf8'), 'let in');
  assert.deepEqual(asked, [['number', 403]]);
});

test('a handler can cancel, try again, or leave it for later', async () => {
  const url = server.url('/bearer/word');
  await assert.rejects(session.download(url, { ...refusing, onDelayedRequest: () => 'cancel' }), { code: -999 });
  let times = 0;
  const again = () => (times++ < 2 ? 'continueLoading' : { url: server.url('/bytes/7') });
  assert.equal((await session.download(url, { ...refusing, onDelayedRequest: again })).length, 7);
  assert.equal(times, 3);

  let left;
  const isLeft = new Promise((resolve) => { left = resolve; });
  const task = session.downloadTask(url, { ...refusing, onDelayedRequest: () => left() });
  await isLeft;
  const [{ reason }] = await session.tasks();
  assert.equal(reason, 'answer');
  await task.edit({ url: new URL(server.url('/bytes/8')) });
  assert.equal((await task.finished).length, 8);
});

test('the next question may come before the last answer is confirmed', async () => {
  const events = [];
  let confirm;
  const attachment = { edit: () => new Promise((resolve) => { events.push('edit'); confirm = resolve; }) };
  let answer;
  const questions = new Questions(attachment, {
    onDelayedRequest: () => new Promise((resolve) => { events.push('asked'); answer = resolve; }),
  });
  const question = { name: 'willBeginDelayedRequest', taskIdentifier: 1 };
  const turn = () => new Promise((resolve) => { setImmediate(resolve); });

  const settled = questions.receive(question);
  assert.equal(questions.receive(question), undefined, 'it is asked already');
  answer('continueLoading');
  await turn();
  questions.receive(question);
  assert.deepEqual(events, ['asked', 'edit']);
  confirm();
  await turn();
  answer('continueLoading');
  await turn();
  confirm();
  await settled;
  assert.deepEqual(events, ['asked', 'edit', 'asked', 'edit']);
});

test('an answer that comes after the end of its task is nobody’s failure', async () => {
  const asked = {
    didReceiveChallenge: { challenge: {} },
    willPerformHTTPRedirection: {
      redirection: { response: { headers: [] }, newRequest: { headers: [] }, until: 0, question: 1 },
    },
    willBeginDelayedRequest: {},
  };
  const gone = Object.assign(new Error('no such task'), { code: -1 });
  const fails = async () => { throw gone; };
  const ask = (name, status) => new Questions({ answer: fails, redirect: fails, edit: fails, status }, {
    onChallenge: () => 'performDefaultHandling',
    onRedirection: () => null,
    onDelayedRequest: () => 'continueLoading',
  }).receive({ name, taskIdentifier: 1, ...asked[name] });
  for (const name of Object.keys(asked)) {
    for (const state of ['canceling', 'completed']) await ask(name, async () => ({ state }));
    await ask(name, fails);
    await assert.rejects(ask(name, async () => ({ state: 'running' })), gone);
  }
  const task = session.downloadTask(server.url('/status/403'), {
    ...refusing,
    onDelayedRequest: async () => {
      task.cancel();
      await assert.rejects(task.finished, { code: -999 });
      return 'continueLoading';
    },
  });
  await assert.rejects(task.finished, { code: -999 });
});

test('the session answers for tasks that have no handler', async () => {
  const own = new Session({
    identifier: 'answers',
    onDelayedRequest: ({ taskIdentifier }) => ({ url: server.url(`/bytes/${taskIdentifier}`) }),
  });
  const task = own.downloadTask(server.url('/status/403'), refusing);
  assert.equal((await task.finished).length, task.taskIdentifier);
  const other = own.downloadTask(server.url('/status/403'), { ...refusing, onDelayedRequest: () => 'cancel' });
  await assert.rejects(other.finished, { code: -999 });
  await own.invalidateAndCancel();
});

test('whoever iterates sees the question, and edits by number', async () => {
  const own = new Session({ identifier: 'iterates' });
  const { taskIdentifier } = own.downloadTask(server.url('/status/403'), refusing);
  for await (const event of own.events()) {
    if (event.name === 'willBeginDelayedRequest') {
      assert.equal(event.error.statusCode, 403);
      await own.edit(event.taskIdentifier, { url: server.url('/bytes/9') });
    }
    if (event.name !== 'didComplete') continue;
    assert.equal(event.taskIdentifier, taskIdentifier);
    assert.equal(event.response.statusCode, 200);
    own.finishTasksAndInvalidate();
  }
});

test('edits that cannot be are rejected', async () => {
  const task = session.downloadTask(server.url('/held'));
  await assert.rejects(task.edit({ url: 'nonsense' }), { code: -1002 });
  await assert.rejects(task.edit({ headers: { 'a b': 'c' } }));
  await assert.rejects(task.edit(), TypeError);
  task.cancel();
  await assert.rejects(task.finished, { code: -999 });
  await assert.rejects(task.edit({}), { code: -1 });
});

test('a credential answers for its task, and the session\'s for those without one', async () => {
  const url = server.url('/basic/me:pw');
  const status = async (s, options) => (await s.data(url, options)).response.statusCode;
  assert.equal(await status(session), 401);
  assert.equal(await status(session, { credential: { user: 'me', password: 'pw' } }), 200);
  const own = new Session({ identifier: 'credential', credential: { user: 'me', password: 'pw' } });
  assert.equal(await status(own), 200);
  assert.equal(await status(own, { credential: { user: 'me', password: 'other' } }), 401);
  await own.invalidateAndCancel();
});

test('a challenge is put to the handler until it is answered well', async () => {
  const asked = [];
  const own = new Session({
    identifier: 'challenged',
    onChallenge: async ({ taskIdentifier, protectionSpace, previousFailureCount, proposedUser }) => {
      asked.push([taskIdentifier, protectionSpace.realm, protectionSpace.authenticationMethod, previousFailureCount, proposedUser]);
      return { user: 'me', password: previousFailureCount === 0 ? 'wrong' : 'pw', persistence: 'forSession' };
    },
  });
  const { response, body } = await own.data(server.url('/basic/me:pw'));
  assert.equal(response.statusCode, 200);
  assert.equal(body.toString(), 'let in');
  assert.deepEqual(asked, [[1, 'the house', 'httpBasic', 0, undefined], [1, 'the house', 'httpBasic', 1, 'me']]);
  // What let it in is kept for the next one.
  assert.equal((await own.data(server.url('/basic/me:pw'))).response.statusCode, 200);
  assert.equal(asked.length, 2);
  const [{ user, persistence, protectionSpace }, ...others] = await own.credentials.list();
  assert.deepEqual([user, persistence, protectionSpace.realm, others.length], ['me', 'forSession', 'the house', 0]);
  assert.equal(await own.credentials.remove(server.url('/')), 1);
  await own.invalidateAndCancel();
});

test('a handler can decline a challenge, or leave it for later', async () => {
  let answer = 'performDefaultHandling';
  let came = () => {};
  const own = new Session({ identifier: 'declines', onChallenge: (challenge) => (came(challenge), answer) });
  const url = server.url('/basic/me:pw');
  assert.equal((await own.data(url)).response.statusCode, 401);
  answer = 'rejectProtectionSpace';
  assert.equal((await own.data(url)).response.statusCode, 401);
  answer = 'cancelAuthenticationChallenge';
  await assert.rejects(own.data(url), { code: -999 });
  answer = undefined;
  const challenge = new Promise((resolve) => { came = resolve; });
  const task = own.dataTask(url);
  await own.answer(task, await challenge, { user: 'me', password: 'pw' });
  assert.equal((await task.finished).response.statusCode, 200);
  await assert.rejects(own.answer(task, await challenge, 'whatever'), TypeError);
  await own.invalidateAndCancel();
});

test('a question survives app and daemon, and is put to who comes next', async () => {
  const { lines } = await runApp('asked.mjs', [server.url('/basic/me:pw')], { onLine: (line, child) => child.kill('SIGKILL') });
  assert.deepEqual(lines, ['the house']);
  const [, pid] = /^pid +(\d+)$/m.exec(await urlsession('daemon', 'status'));
  process.kill(Number(pid), 'SIGKILL');
  const own = new Session({ identifier: 'asked', onChallenge: () => ({ user: 'me', password: 'pw' }) });
  const { response } = await own.task(1).finished;
  assert.equal(response.statusCode, 200);
  await own.invalidateAndCancel();
});

test('permanent credentials are set, shown to their server, and forgotten by a reset', async () => {
  const url = server.url('/basic/you:there');
  await session.credentials.set(url, { user: 'you', password: 'there' });
  assert.equal((await session.data(url)).response.statusCode, 200);
  assert.equal((await session.credentials.list()).length, 1);
  await assert.rejects(session.credentials.set('nonsense', { user: 'a', password: 'b' }), { code: -1002 });
  await session.reset();
  assert.deepEqual(await session.credentials.list(), []);
});

test('an answer is a credential, a certificate or the name of a disposition', () => {
  const { answerOptions } = require('../lib/modern/questions.js');
  const own = { clientCertificate: 'own.pem', clientKey: 'own.key' };
  const credential = { user: 'me', password: 'pw' };
  assert.deepEqual(answerOptions('useServerTrust'), { disposition: 'useServerTrust' });
  assert.deepEqual(answerOptions(own), { disposition: 'useClientCertificate', ...own });
  assert.deepEqual(answerOptions(credential), { disposition: 'useCredential', credential });
  for (const wrong of ['useCredential', 'trust', 7, null]) assert.throws(() => answerOptions(wrong), TypeError);
});
