// When events are delivered and acknowledged, told by a daemon in memory.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { setImmediate: turn } = require('node:timers/promises');
const { test } = require('node:test');
const { inHome } = require('./support/home.js');
const { useNative } = require('../lib/native.js');
const { FakeNative } = require('./support/fake-native.js');

useNative({ NativeSession: FakeNative });
const urlSession = require('../index.js');
const { Session } = urlSession;

test('nothing is lost between creation and a listener that comes late', async () => {
  const { session, daemon } = open('late');
  daemon.tell('didFinishDownloading', 7, { path: '/tmp/late', length: 3 });
  daemon.tell('didComplete', 7, { response: { statusCode: 200, headers: [] } });
  daemon.tell('didFinishEvents');
  await turn();
  assert.deepEqual(daemon.acknowledged, [], 'nobody has seen it');
  const seen = [];
  for (const name of ['downloadcompleted', 'sessioncompleted', 'sessioneventscompleted']) {
    session.addEventListener(name, ({ type }) => seen.push(type));
  }
  assert.deepEqual(seen, [], 'not before the app had time for all its listeners');
  await turn();
  assert.deepEqual(seen, ['downloadcompleted', 'sessioncompleted', 'sessioneventscompleted']);
  assert.deepEqual(daemon.acknowledged, [1, 2]);
});

test('an asynchronous listener is waited for, and so are the later events of its task', async () => {
  const { session, daemon } = open('waits');
  let finish;
  session.addEventListener('downloadcompleted', () => new Promise((resolve) => { finish = resolve; }));
  session.addEventListener('sessioncompleted', () => {});
  daemon.tell('didFinishDownloading', 1, { path: '/tmp/waits', length: 0 });
  daemon.tell('didComplete', 1, {});
  daemon.tell('didComplete', 2, {});
  await turn();
  assert.deepEqual(daemon.acknowledged, [3], 'another task does not wait');
  finish();
  await turn();
  assert.deepEqual(daemon.acknowledged, [3, 1, 2]);
});

test('a listener that throws is reported, does not stop others, and leaves its task unacknowledged', async () => {
  const { session, daemon } = open('throws');
  const reported = [];
  const report = (error) => reported.push(error.message);
  const runners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', report);
  let others = 0;
  session.addEventListener('downloadcompleted', () => { throw new Error('a listener'); });
  session.addEventListener('downloadcompleted', async () => { throw new Error('another one'); });
  session.addEventListener('downloadcompleted', () => { others += 1; });
  daemon.tell('didFinishDownloading', 1, { path: '/tmp/throws', length: 0 });
  daemon.tell('didComplete', 1, {});
  daemon.tell('didComplete', 2, {});
  await turn();
  process.removeListener('uncaughtException', report);
  runners.forEach((listener) => process.on('uncaughtException', listener));
  assert.deepEqual(reported, ['a listener', 'another one'], 'each, and once');
  assert.equal(others, 1);
  assert.deepEqual(daemon.acknowledged, [3]);
});

test('a body comes with the end of its task, and both are acknowledged', async () => {
  const { session, daemon } = open('body');
  const path = require('./support/home.js').inHome('body');
  require('node:fs').writeFileSync(path, '{"a":1}');
  const end = new Promise((resolve) => { session.addEventListener('sessioncompleted', resolve); });
  daemon.tell('didReceiveData', 4, { path, length: 7 });
  daemon.tell('didComplete', 4, { response: { statusCode: 201, headers: [{ name: 'content-type', value: 'application/json' }] } });
  const { responseText, statusCode, responseData } = await end;
  assert.deepEqual([responseText, statusCode, responseData.mimeType], ['{"a":1}', 201, 'application/json']);
  await turn();
  assert.deepEqual(daemon.acknowledged, [1, 2]);
});

test('an error has its number, its domain and its URL', async () => {
  const { session, daemon } = open('error');
  const end = new Promise((resolve) => { session.addEventListener('sessioncompleted', resolve); });
  const error = { code: -1003, codeName: 'CannotFindHost', message: 'A server…', detail: 'no such host', failingURL: 'http://a/' };
  daemon.tell('didComplete', 5, { error });
  const { source, ...event } = await end;
  assert.deepEqual(event, {
    taskIdentifier: 5,
    success: false,
    errorCode: -1003,
    message: 'A server…',
    errorDomain: 'NSURLErrorDomain',
    detail: 'no such host',
    failingURL: 'http://a/',
    sessionIdentifier: 'error',
    type: 'sessioncompleted',
    bubbles: false,
    cancelBubble: false,
  });
  assert.equal(source, session);
  assert.equal(JSON.stringify({ source }), '{"source":{"identifier":"error"}}');
});

// What the daemon tells, and all that a listener then sees beside `taskIdentifier` and what every event has.
const payloads = [
  ['didWriteData', { bytesWritten: 1, totalBytesWritten: 2, totalBytesExpectedToWrite: 3 }, 'downloadprogress', {
    bytesWritten: 1, totalBytesWritten: 2, totalBytesExpectedToWrite: 3,
  }],
  ['didWriteData', { bytesWritten: 1, totalBytesWritten: 2 }, 'downloadprogress', {
    bytesWritten: 1, totalBytesWritten: 2, totalBytesExpectedToWrite: 0,
  }],
  ['didSendBodyData', { bytesSent: 1, totalBytesSent: 2 }, 'uploadprogress', {
    bytesSent: 1, totalBytesSent: 2, totalBytesExpectedToSend: 0,
  }],
  ['didResumeAtOffset', { fileOffset: 5, rung: 'strongEtag' }, 'downloadresumed', { fileOffset: 5, expectedTotalBytes: 0 }],
  ['didComplete', {}, 'sessioncompleted', { success: true, errorCode: 0 }],
  ['didComplete', { response: { statusCode: 404, headers: [] } }, 'sessioncompleted', {
    success: true, errorCode: 0, statusCode: 404,
  }],
  ['didComplete', { error: { code: -999, message: 'cancelled', cancelledReason: 0, resumeData: 'r' } }, 'sessioncompleted', {
    success: false, errorCode: -999, message: 'cancelled', errorDomain: 'NSURLErrorDomain', cancelledReason: 0, resumeData: 'r',
  }],
  ['didFinishEvents', undefined, 'sessioneventscompleted', {}],
  ['didBecomeInvalid', undefined, 'sessioninvalidated', {}],
];

for (const [index, [name, fields, type, expected]] of payloads.entries()) {
  test(`the payload of ${type} (${JSON.stringify(fields)})`, () => {
    const { session, daemon } = open(`payload ${index}`);
    const seen = [];
    session.addEventListener(type, (event) => seen.push(event));
    if (fields) daemon.tell(name, 1, fields);
    else daemon.tell(name);
    const common = { sessionIdentifier: `payload ${index}`, type, source: session, bubbles: false, cancelBubble: false };
    assert.deepEqual(seen, [{ ...(fields && { taskIdentifier: 1 }), ...common, ...expected }]);
  });
}

test('a listener that is removed hears no more, and no other is', () => {
  const { session, daemon } = open('removed');
  const seen = [];
  const [first, second] = ['first', 'second'].map((name) => () => seen.push(name));
  session.addEventListener('sessioncompleted', first);
  session.addEventListener('sessioncompleted', second);
  session.removeEventListener('sessioncompleted', first);
  session.removeEventListener('sessioncompleted', () => {});
  session.removeEventListener('downloadcompleted', second);
  daemon.tell('didComplete', 1, {});
  assert.deepEqual(seen, ['second']);
});

test('an end that nobody wants does not stand in the way of an invalidation', async () => {
  const { session, daemon } = open('unwanted');
  daemon.tell('didComplete', 1, {});
  await turn();
  assert.deepEqual(daemon.acknowledged, []);
  session.invalidateAndCancel();
  await turn();
  assert.deepEqual(daemon.acknowledged, [1]);
});

test('both faces of one session see the same events, acknowledged once', async () => {
  const { session, daemon } = open('shared');
  const seen = [];
  session.addEventListener('sessioncompleted', ({ type }) => seen.push(type));
  const modern = new Session({ identifier: 'shared' });
  assert.equal(FakeNative.last, daemon, 'one attachment serves both');
  const { finished } = modern.task(9);
  daemon.tell('didComplete', 9, {});
  await finished;
  assert.deepEqual(seen, ['sessioncompleted']);
  await turn();
  assert.deepEqual(daemon.acknowledged, [1]);
});

test('what a loop that is left had not taken is for the next one', async () => {
  const modern = new Session({ identifier: 'left' });
  const daemon = FakeNative.last;
  const next = async () => {
    for await (const event of modern.events()) {
      if (event.name === 'didComplete') return event.taskIdentifier;
    }
    return undefined;
  };
  const first = next();
  daemon.tell('didComplete', 1, {});
  daemon.tell('didWriteData', 2, { bytesWritten: 1, totalBytesWritten: 1 });
  daemon.tell('didFinishDownloading', 2, { path: '/tmp/left', length: 1 });
  daemon.tell('didComplete', 2, {});
  assert.equal(await first, 1);
  const names = [];
  for await (const { name, taskIdentifier } of modern.events()) {
    names.push(name);
    if (taskIdentifier === 3) break;
    if (name === 'didComplete') daemon.tell('didComplete', 3, {});
  }
  assert.deepEqual(names, ['didFinishDownloading', 'didComplete', 'didComplete']);
  await turn();
  assert.deepEqual(daemon.acknowledged, [2, 3], 'but for the last of each loop');
});

test('what was still being read when a loop was left is for the next one', async () => {
  const modern = new Session({ identifier: 'reads' });
  const daemon = FakeNative.last;
  const next = async () => {
    for await (const { taskIdentifier, body } of modern.events()) return `${taskIdentifier} ${body}`;
    return undefined;
  };
  const { taskIdentifier, finished } = modern.dataTask('http://127.0.0.1/');
  const first = next();
  tellBodies(daemon, [11, 12, 13]);
  daemon.tell('didComplete', taskIdentifier, {});
  assert.equal(await first, '11 body of 11');
  // Its end is told when all before it has been read.
  await finished;
  const gone = modern.invalidateAndCancel();
  await turn();
  assert.deepEqual([...daemon.acknowledged].sort(), [1, 2, 3, 4, 5, 6, 7], 'so that the session can end');
  daemon.tell('didBecomeInvalid');
  await gone;
});

test('who follows a task while its body is being read hears of its end', async () => {
  const modern = new Session({ identifier: 'read meanwhile' });
  const daemon = FakeNative.last;
  const seen = [];
  tellBodies(daemon, [1, 2, 3]);
  for await (const { taskIdentifier } of modern.events()) {
    if (taskIdentifier === 3) break;
    if (taskIdentifier === 1) modern.task(2).finished.then(({ text }) => seen.push(text()));
  }
  await turn();
  assert.deepEqual(seen, ['body of 2']);
});

test('loops that are left again and again get everything once, in order', async () => {
  const modern = new Session({ identifier: 'again' });
  const daemon = FakeNative.last;
  const tasks = [1, 2, 3, 4, 5, 6];
  tellBodies(daemon, tasks);
  const seen = [];
  while (seen.length < tasks.length) {
    for await (const { taskIdentifier } of modern.events()) {
      seen.push(taskIdentifier);
      if (taskIdentifier % 2 === 0) break;
    }
  }
  assert.deepEqual(seen, tasks);
});

test('who only asks how a task is takes nothing of it', async () => {
  const modern = new Session({ identifier: 'only asks' });
  const daemon = FakeNative.last;
  daemon.listing = [{ taskIdentifier: 5, state: 'completed' }];
  daemon.tell('didComplete', 5, {});
  const asked = modern.task(5);
  assert.equal((await asked.status()).state, 'completed');
  await turn();
  await turn();
  assert.deepEqual(daemon.acknowledged, []);
  assert.equal((await modern.task(5).finished).body.length, 0);
  await turn();
  assert.deepEqual(daemon.acknowledged, [1]);
});

test('a loop that is ended by a listener has not taken what the listener was told', async () => {
  const { session, daemon } = open('ended by a listener');
  const modern = new Session({ identifier: 'ended by a listener' });
  const ending = new AbortController();
  session.addEventListener('sessioncompleted', () => ending.abort());
  const loop = modern.events({ signal: ending.signal });
  daemon.tell('didComplete', 1, {});
  assert.equal((await loop.next()).done, true);
  const { value } = await modern.events().next();
  assert.equal(value.taskIdentifier, 1);
  value.acknowledge();
  await turn();
  assert.deepEqual(daemon.acknowledged, [1]);
});

test('whoever asks for two events at once gets both, in order', async () => {
  const loop = new Session({ identifier: 'twice' }).events();
  const daemon = FakeNative.last;
  const both = Promise.all([loop.next(), loop.next()]);
  daemon.tell('didComplete', 1, {});
  daemon.tell('didComplete', 2, {});
  const tasks = (await both).map(({ value }) => value.taskIdentifier);
  assert.deepEqual(tasks, [1, 2]);
  const rest = [loop.next(), loop.next()];
  await turn();
  assert.deepEqual(daemon.acknowledged, [1, 2]);
  await loop.return();
  assert.deepEqual((await Promise.all(rest)).map(({ done }) => done), [true, true]);
});

test('a session that is cancelled owes nothing to loops that were left', async () => {
  const modern = new Session({ identifier: 'owes' });
  const daemon = FakeNative.last;
  for (const task of [1, 2, 3]) daemon.tell('didComplete', task, {});
  const loop = modern.events();
  await loop.next();
  await loop.return();
  await turn();
  assert.deepEqual(daemon.acknowledged, []);
  const gone = modern.invalidateAndCancel();
  await turn();
  assert.deepEqual([...daemon.acknowledged].sort(), [1, 2, 3]);
  daemon.tell('didBecomeInvalid');
  await gone;
});

test('a session that is cancelled waits for nothing that was handed out', async () => {
  const { session, daemon } = open('cancelled in hand');
  const modern = new Session({ identifier: 'cancelled in hand' });
  session.addEventListener('sessioncompleted', () => new Promise(() => {}));
  const loop = modern.events();
  for (const task of [1, 2, 3]) daemon.tell('didComplete', task, {});
  const seen = [];
  for await (const { name, taskIdentifier } of loop) {
    seen.push(taskIdentifier ?? name);
    if (taskIdentifier !== 2) continue;
    const gone = modern.invalidateAndCancel();
    await turn();
    assert.deepEqual(daemon.acknowledged, [1, 2, 3]);
    daemon.tell('didComplete', 4, {});
    assert.deepEqual(daemon.acknowledged, [1, 2, 3, 4], 'nor for what comes later');
    daemon.tell('didBecomeInvalid');
    await gone;
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 'didBecomeInvalid'], 'the loop is told all the same');
  assert.deepEqual(daemon.acknowledged, [1, 2, 3, 4], 'each once');
});

test('a file that cannot be kept is an error, and keeps no session that could tell nobody of it', async () => {
  const missing = inHome('state', 'missing');
  for (const [options, kept] of [[{ identifier: 'cannot keep' }, []], [{ configuration: 'ephemeral' }, [1, 2]]]) {
    const modern = new Session(options);
    const daemon = FakeNative.last;
    const { taskIdentifier, finished } = modern.downloadTask('http://127.0.0.1/');
    daemon.tell('didFinishDownloading', taskIdentifier, { path: missing, length: 1 });
    daemon.tell('didComplete', taskIdentifier, {});
    await assert.rejects(finished, ({ name, code, cause }) => (
      name === 'URLSessionError' && code === -3000 && /ENOENT/.test(cause.message)
    ));
    await turn();
    assert.deepEqual(daemon.acknowledged, kept);
    modern.invalidateAndCancel();
    await turn();
    assert.deepEqual([...daemon.acknowledged].sort(), [1, 2], 'nobody wants it any more');
  }
});

test('a file is the daemon’s where the daemon says that it keeps files, whatever this process would think', async () => {
  const { session, daemon: other } = open('elsewhere');
  const modern = new Session({ identifier: 'elsewhere too' });
  const daemon = FakeNative.last;
  const { taskIdentifier, finished } = modern.downloadTask('http://127.0.0.1/');
  const blob = new Promise((resolve) => { session.addEventListener('downloadcompleted', ({ data }) => resolve(data)); });
  for (const [one, task] of [[daemon, taskIdentifier], [other, 1]]) {
    one.state = inHome('elsewhere', 'state');
    const path = `${one.state}/files/1/${task}.download`;
    fs.mkdirSync(`${one.state}/files/1`, { recursive: true });
    fs.writeFileSync(path, 'kept');
    one.tell('didFinishDownloading', task, { path, length: 4 });
    one.tell('didComplete', task, {});
  }
  const [{ path }, data] = await Promise.all([finished, blob]);
  await turn();
  assert.deepEqual([daemon.acknowledged, other.acknowledged], [[1, 2], [1, 2]]);
  // What is acknowledged is removed.
  fs.rmSync(daemon.state, { recursive: true });
  assert.deepEqual([fs.readFileSync(path, 'utf8'), data.text], ['kept', 'kept']);
});

test('a file of which there is no news is named to who finds the task by its number', async () => {
  const modern = new Session({ identifier: 'no news' });
  const daemon = FakeNative.last;
  daemon.listing = [{ taskIdentifier: 7, kind: 'download', destination: '/tmp/mine' }, { taskIdentifier: 8, kind: 'data' }];
  const response = { statusCode: 304, headers: [] };
  for (const task of [7, 8]) daemon.tell('didComplete', task, { response });
  const [file, data] = await Promise.all([7, 8].map((task) => modern.task(task).finished));
  assert.deepEqual([file.path, file.length, data.path, data.body.length], ['/tmp/mine', 0, undefined, 0]);
  await turn();
  assert.deepEqual(daemon.acknowledged.sort(), [1, 2]);
});

test('a session that lives here ends though a loop left something behind', async () => {
  const modern = new Session({ configuration: 'ephemeral' });
  const daemon = FakeNative.last;
  for (const task of [1, 2, 3, 4]) daemon.tell('didComplete', task, {});
  for await (const { taskIdentifier } of modern.events()) if (taskIdentifier === 2) break;
  await turn();
  assert.deepEqual(daemon.acknowledged, [1], 'another loop may come');
  const gone = modern.finishTasksAndInvalidate();
  const next = modern.events();
  assert.equal((await next.next()).value.taskIdentifier, 3);
  await turn();
  assert.deepEqual(daemon.acknowledged, [1, 2], 'the one that came has the others');
  await next.return();
  await turn();
  await turn();
  assert.deepEqual([...daemon.acknowledged].sort(), [1, 2, 3, 4]);
  daemon.tell('didBecomeInvalid');
  await gone;
});

test('no process waits for a session that outlives what nobody takes', async () => {
  const waiting = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const parks = async (modern, daemon) => {
    daemon.tell('didComplete', 1, {});
    await turn();
  };
  const leaves = async (modern, daemon) => {
    daemon.tell('didComplete', 1, {});
    for await (const { name } of modern.events()) if (name === 'didComplete') break;
    await turn();
  };
  for (const prepare of [parks, leaves]) {
    const modern = new Session({ identifier: prepare.name });
    const daemon = FakeNative.last;
    await prepare(modern, daemon);
    const before = waiting();
    modern.finishTasksAndInvalidate();
    assert.equal(waiting(), before, prepare.name);
    const gone = modern.invalidateAndCancel();
    await turn();
    assert.equal(waiting(), before + 1, `${prepare.name}: for the end of one that is cancelled it does`);
    daemon.tell('didBecomeInvalid');
    await gone;
    assert.equal(waiting(), before, prepare.name);
  }
});

test('no process waits for ends behind those that nobody takes', async () => {
  const waiting = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const opens = async (identifier, states) => {
    FakeNative.left = states.map((state, index) => ({ taskIdentifier: index + 1, state }));
    const modern = new Session({ identifier });
    FakeNative.left = [];
    const daemon = FakeNative.last;
    await turn();
    return { modern, daemon };
  };
  const before = waiting();
  // The daemon has no room for more: the second never comes.
  const { modern, daemon } = await opens('behind', ['completed', 'completed']);
  assert.equal(waiting(), before + 1, 'somebody may take them');
  daemon.tell('didComplete', 1, {});
  await turn();
  assert.equal(waiting(), before, 'nobody does');
  const taken = [];
  const loop = (async () => { for await (const { taskIdentifier } of modern.events()) taken.push(taskIdentifier); })();
  await turn();
  assert.equal(waiting(), before + 1, 'a loop takes the one, and so the other');
  daemon.tell('didComplete', 2, {});
  await turn();
  assert.deepEqual([taken, waiting()], [[1, 2], before]);

  for (const states of [['completed', 'running'], ['completed', 'completed']]) {
    const { modern: other, daemon: itsDaemon } = await opens(`followed ${states}`, states);
    if (states[1] === 'completed') other.task(2).finished.catch(() => {});
    itsDaemon.tell('didComplete', 1, {});
    await turn();
    assert.equal(waiting(), before + 1, `${states}: the other one is waited for`);
    itsDaemon.tell('didComplete', 2, {});
    await turn();
    assert.equal(waiting(), before);
  }
  daemon.tell('didBecomeInvalid');
  await loop;
});

test('the end of the session is told though nobody wanted to know that all was told', async () => {
  const modern = new Session({ identifier: 'ends' });
  const daemon = FakeNative.last;
  daemon.tell('didFinishEvents');
  const { finished } = modern.task(1);
  await turn();
  await turn();
  daemon.tell('didBecomeInvalid', undefined, { error: { code: -997, message: 'lost' } });
  await assert.rejects(finished, { code: -997 });
});

test('whoever asks a session that has ended is told so', async () => {
  const modern = new Session({ identifier: 'over' });
  FakeNative.last.tell('didBecomeInvalid', undefined, { error: { code: -997, message: 'lost' } });
  await turn();
  await assert.rejects(modern.task(1).finished, { code: -997 });
  const names = [];
  for await (const { name } of modern.events()) names.push(name);
  assert.deepEqual(names, ['didBecomeInvalid']);
});

test('what is asked of a session that was invalidated is done already', async () => {
  const { session: titanium, daemon } = open('done');
  const modern = new Session({ identifier: 'done' });
  const task = modern.dataTask('http://127.0.0.1/');
  const gone = modern.finishTasksAndInvalidate();
  daemon.tell('didComplete', task.taskIdentifier, {});
  daemon.tell('didBecomeInvalid');
  await gone;
  for (const name of ['resume', 'suspend', 'cancel', 'finishTasksAndInvalidate', 'invalidateAndCancel']) {
    daemon[name] = () => assert.fail(`${name} comes to nobody`);
  }
  task.resume();
  task.suspend();
  task.cancel();
  await modern.finishTasksAndInvalidate();
  await modern.invalidateAndCancel();
  titanium.cancel(task.taskIdentifier);
  titanium.invalidateAndCancel();
  const lost = new Session({ identifier: 'lost' });
  const other = lost.dataTask('http://127.0.0.1/');
  FakeNative.last.tell('didBecomeInvalid', undefined, { error: { code: -997, message: 'lost' } });
  FakeNative.last.cancel = () => { throw new Error('no daemon'); };
  assert.throws(() => other.cancel(), /no daemon/, 'its tasks may live on');
});

test('a question waits for who answers it, though somebody follows its task', async () => {
  const modern = new Session({ identifier: 'asks later', answersChallenges: true });
  const daemon = FakeNative.last;
  const { taskIdentifier, finished } = modern.dataTask('http://127.0.0.1/');
  daemon.tell('didReceiveChallenge', taskIdentifier, { challenge: { question: 1 } });
  await turn();
  const names = [];
  for await (const { name } of modern.events()) {
    names.push(name);
    if (name === 'didReceiveChallenge') daemon.tell('willBeginDelayedRequest', taskIdentifier);
    if (name === 'willBeginDelayedRequest') daemon.tell('didComplete', taskIdentifier, {});
    if (name === 'didComplete') break;
  }
  assert.deepEqual(names, ['didReceiveChallenge', 'willBeginDelayedRequest', 'didComplete']);
  await finished;
  const asked = [];
  const own = modern.dataTask('http://127.0.0.1/', { onDelayedRequest: (request) => { asked.push(request.taskIdentifier); } });
  daemon.tell('willBeginDelayedRequest', own.taskIdentifier);
  await turn();
  assert.deepEqual(asked, [own.taskIdentifier]);
  daemon.tell('didComplete', own.taskIdentifier, {});
  await own.finished;
});

test('a configuration is copied, and another one for a live session is told of', (t) => {
  const warn = t.mock.method(console, 'warn', () => {});
  const configuration = urlSession.createSessionConfiguration({ identifier: 'copied', HTTPHeaderFields: { a: '1' } });
  const session = urlSession.createSession({ configuration });
  assert.deepEqual(FakeNative.last.options.headers, [{ name: 'a', value: '1' }]);
  configuration.HTTPHeaderFields = { a: '2' };
  assert.deepEqual(session.HTTPHeaderFields, { a: '1' });
  assert.equal(urlSession.createURLSession(configuration), session);
  assert.equal(warn.mock.callCount(), 1);
  assert.match(warn.mock.calls[0].arguments.join(' '), /“copied” exists already; .*: HTTPHeaderFields$/);
  configuration.HTTPHeaderFields = { a: '1' };
  assert.equal(urlSession.createURLSession(configuration), session);
  assert.equal(warn.mock.callCount(), 1, 'the same is nothing to tell of');
  const answers = urlSession.createSessionConfiguration({ identifier: 'copied', HTTPHeaderFields: { a: '1' }, answersChallenges: true });
  assert.equal(urlSession.createSession({ configuration: answers }), session);
  assert.match(warn.mock.calls[1].arguments.join(' '), /: answersChallenges$/);
});

test('other options for a live session are refused, handlers are replaced', async () => {
  const first = { identifier: 'live', headers: { a: '1' }, credential: { user: 'me', password: 'secret' }, answersChallenges: true };
  const session = new Session(first);
  const daemon = FakeNative.last;
  const launchCommand = [process.execPath, 'a'];
  for (const same of [{}, first, { headers: [['a', '1']] }, { configuration: 'background' }, { tls: null }]) {
    assert.equal(new Session({ identifier: 'live', ...same }).identifier, 'live');
  }
  assert.equal(FakeNative.last, daemon);
  const others = [
    [{ headers: { a: '2' } }, /“live” exists already .* of `headers`:/],
    [{ timeoutIntervalForRequest: 1, tls: { httpsOnly: true } }, /of `timeoutIntervalForRequest`, `tls`:/],
    [{ credential: { user: 'me', password: 'other secret' } }, /of `credential`:/],
    [{ launchCommand }, /of `launchCommand`:/],
    [{ answersChallenges: false }, /of `answersChallenges`:/],
  ];
  for (const [other, message] of others) {
    assert.throws(() => new Session({ identifier: 'live', ...other }), (error) => (
      message.test(error.message) && !/secret/.test(error.message)
    ));
  }
  const asked = [];
  daemon.edit = async () => asked.push('edited');
  const handler = (name) => ({ identifier: 'live', onDelayedRequest: () => { asked.push(name); return 'continueLoading'; } });
  new Session(handler('first'));
  new Session(handler('last'));
  const task = session.dataTask('http://127.0.0.1/', { onDelayedRequest: handler('own').onDelayedRequest });
  daemon.tell('willBeginDelayedRequest', 900);
  await turn();
  daemon.tell('willBeginDelayedRequest', task.taskIdentifier);
  await turn();
  assert.deepEqual(asked, ['last', 'edited', 'own', 'edited'], 'each question is put to one');
  const silent = new Session({ identifier: 'silent' });
  assert.throws(() => new Session({ identifier: silent.identifier, onChallenge: () => {} }), /of `onChallenge`:/);
});

// Bodies are read after one another: each is being read when who got the one before goes on.
function tellBodies(daemon, tasks) {
  for (const task of tasks) {
    const path = inHome(`body of ${task}`);
    fs.writeFileSync(path, `body of ${task}`);
    daemon.tell('didReceiveData', task, { path, length: 9 });
    daemon.tell('didComplete', task, {});
  }
}

function open(identifier) {
  const configuration = urlSession.createSessionConfiguration({ identifier });
  return { session: urlSession.createSession({ configuration }), daemon: FakeNative.last };
}
