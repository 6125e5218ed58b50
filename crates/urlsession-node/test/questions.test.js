// Tasks that ask their app: for another request, or for a credential.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { after, before, test } = require('node:test');
require('./support/home.js');
const { Server } = require('./support/server.js');
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
