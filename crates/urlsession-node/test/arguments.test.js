// Every wrong argument of the Titanium face, with its exact outcome: what throws, what logs, what is returned.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
require('./support/home.js');
const { useNative } = require('../lib/native.js');
const { FakeNative } = require('./support/fake-native.js');

useNative({ NativeSession: FakeNative });
const urlSession = require('../index.js');

const type = (subreason) => ({ message: 'Invalid type passed to function', subreason, nativeReason: subreason });
const count = (subreason) => ({ message: 'Invalid number of arguments to function', subreason });
const configuration = () => urlSession.createSessionConfiguration({ identifier: 'arguments' });
const session = () => urlSession.createSession({ configuration: configuration() });
const url = 'http://127.0.0.1/';

const table = [
  // A configuration.
  ['configuration of nothing', () => urlSession.createSessionConfiguration(), type('expected: Object, was: (null)')],
  ['configuration of null', () => urlSession.createSessionConfiguration(null), type('expected: Object, was: NSNull')],
  ['configuration of a string', () => urlSession.createSessionConfiguration('a'), type('expected: Object, was: String')],
  ['identifier missing', () => urlSession.createSessionConfiguration({}), type('expected: String, was: (null)')],
  ['identifier a number', () => urlSession.createSessionConfiguration({ identifier: 1 }), type('expected: String, was: Number')],
  ['identifier empty', () => urlSession.createSessionConfiguration({ identifier: '' }), { message: /must not be empty/ }],
  ['header fields no object', () => urlSession.createSessionConfiguration({ identifier: 'a', HTTPHeaderFields: [] }), type('expected: Object, was: Array')],
  ['header value a number', () => { configuration().HTTPHeaderFields = { a: 1 }; }, type('expected: String, was: Number')],
  ['a timeout that is none', () => urlSession.createSessionConfiguration({ identifier: 'a', timeoutIntervalForRequest: -5 }), { message: /`timeoutIntervalForRequest` must be/ }],
  ['terms of TLS that are none', () => urlSession.createSessionConfiguration({ identifier: 'a', tls: 5 }), { message: /`tls` must be an object/ }],
  ...Object.entries({ onChallenge: /`challengereceived`/, onDelayedRequest: /`requestdelayed`/, onRedirection: /without asking/ })
    .map(([name, message]) => [`${name} in a configuration`, () => urlSession.createSessionConfiguration({ identifier: 'a', [name]: () => {} }), { name: 'TypeError', message }]),
  ['historical configuration of a number', () => urlSession.createURLSessionBackgroundConfiguration(1), { returns: null, logs: 'error' }],
  // A session.
  ['session of no arguments', () => urlSession.createSession(), count('expected 1 arguments, received: 0')],
  ['session of a string', () => urlSession.createSession('a'), { returns: null, logs: 'error' }],
  ['session without configuration', () => urlSession.createSession({}), { returns: null, logs: 'error' }],
  ['session of a false configuration', () => urlSession.createURLSession({ configuration: {} }), { returns: null, logs: 'error' }],
  ['module-level download, one argument', () => urlSession.backgroundDownloadTaskWithURL(session()), count('expected 2 arguments, received: 1')],
  ['module-level download, no session', () => urlSession.backgroundDownloadTaskWithURL({}, url), type('expected: Session, was: Object')],
  ['module-level download, no URL', () => urlSession.backgroundDownloadTaskWithURL(session(), 1), type('expected: String, was: Number')],
  ['module-level finish of nothing', () => urlSession.finishTasksAndInvalidate(), type('expected: Session, was: (null)')],
  ['module-level cancel of an object', () => urlSession.invalidateAndCancel({}), type('expected: Session, was: Object')],
  // Downloads.
  ['download of nothing', () => session().downloadTask(), type('expected: Object, was: (null)')],
  ['download of a string', () => session().downloadTask(url), type('expected: Object, was: String')],
  ['download without URL', () => session().downloadTask({}), { returns: undefined, logs: 'error' }],
  ['download of an empty URL', () => session().downloadTask({ url: '' }), { returns: undefined, logs: 'error' }],
  ['download of a relative URL', () => session().downloadTask({ url: 'file.zip' }), { returns: undefined, logs: 'error' }],
  ['download of a foreign scheme', () => session().downloadTask({ url: 'foobar://a' }), { returns: undefined, logs: 'error' }],
  ['download with a number as URL', () => session().downloadTask({ url: 5 }), { returns: undefined, logs: 'error' }],
  ['download with a false method', () => session().downloadTask({ url, method: 1 }), type('expected: String, was: Number')],
  ['download with false headers', () => session().downloadTask({ url, requestHeaders: 'a' }), type('expected: Object, was: String')],
  ['download to an object', () => session().downloadTask({ url, destination: {} }), type('expected: String or nil, was: Object')],
  ['download to a number', () => session().downloadTask({ url, destination: 4 }), type('expected: String or nil, was: Number')],
  ['download to a folder', () => session().downloadTask({ url, destination: 'folder/' }), type('expected: path of a file, was: path of a folder')],
  ['download to the URL of a folder', () => session().downloadTask({ url, destination: new URL('file:///folder/') }), type('expected: path of a file, was: path of a folder')],
  ['download at no moment', () => session().downloadTask({ url, earliestBeginDate: new Date('soon') }), type('expected: Date or nil, was: Invalid Date')],
  ['download at a symbol', () => session().downloadTask({ url, earliestBeginDate: Symbol('soon') }), type('expected: Date or nil, was: Symbol')],
  ['download at a word', () => session().downloadTask({ url, earliestBeginDate: 'soon' }), type('expected: Date or nil, was: String')],
  ['download that recovers from words', () => session().downloadTask({ url, recoverableStatuses: ['403'] }), { message: /`recoverableStatuses` must be/ }],
  // Uploads.
  ['upload of nothing', () => session().uploadTask(), type('expected: Object, was: (null)')],
  ['upload without URL', () => session().uploadTask({ data: '/a' }), type('expected: String, was: (null)')],
  ['upload to an empty URL', () => session().uploadTask({ url: '', data: '/a' }), { returns: undefined, logs: 'error' }],
  ['upload without data', () => session().uploadTask({ url }), { returns: null, logs: 'error' }],
  ['upload of a number', () => session().uploadTask({ url, data: 5 }), { returns: null, logs: 'error' }],
  ['upload with a false method', () => session().uploadTask({ url, data: '/a', method: 1 }), type('expected: String, was: Number')],
  ['upload with false headers', () => session().uploadTask({ url, data: '/a', requestHeaders: { a: {} } }), type('expected: String, was: Object')],
  // Data tasks.
  ['data of nothing', () => session().dataTask(), type('expected: Object, was: (null)')],
  ['data without URL', () => session().dataTask({}), type('expected: String, was: (null)')],
  ['data to a relative URL', () => session().dataTask({ url: 'a/b' }), { returns: undefined, logs: 'error' }],
  ['data with a false method', () => session().dataTask({ url, method: {} }), type('expected: String, was: Object')],
  // Controls and callbacks.
  ['pause of a string', () => session().pause('1'), type('expected: Number, was: String')],
  ['pause of a fraction', () => session().pause(1.5), type('expected: Integer, was: Number')],
  ['resume of infinity', () => session().resume(Infinity), type('expected: Integer, was: Number')],
  ['cancel of no number', () => session().cancel(NaN), type('expected: Integer, was: Number')],
  ['cancel of a truth', () => session().cancel(true), type('expected: Integer, was: Number')],
  ['edit of a fraction', () => session().edit(1.5), type('expected: Integer, was: Number')],
  ['edit with null', () => session().edit(1, null), type('expected: Object, was: NSNull')],
  ['answer for a fraction', () => session().answer(1.5, {}, 'useServerTrust'), type('expected: Integer, was: Number')],
  ['getTasks without callback', () => session().getTasks(), type('expected: Function, was: (null)')],
  ['reset without callback', () => session().reset(), type('expected: Function, was: (null)')],
  ['flush with an object', () => session().flush({}), type('expected: Function, was: Object')],
  ['listener that is none', () => Ti.App.iOS.addEventListener('a', 1), type('expected: Function, was: Number')],
  ['background handler of a number', () => Ti.App.iOS.endBackgroundHandler(1), type('expected: String, was: Number')],
  ['background handler unknown', () => Ti.App.iOS.endBackgroundHandler('a'), { returns: undefined, logs: 'debug' }],
];

for (const [name, call, expected] of table) {
  test(name, (t) => {
    const logs = ['debug', 'info', 'warn', 'error'].map((level) => [level, t.mock.method(console, level, () => {}).mock]);
    const before = FakeNative.sessions.flatMap(({ calls }) => calls).length;
    if ('message' in expected) {
      assert.throws(call, expected);
    } else {
      assert.equal(call(), expected.returns);
      const [, log] = logs.find(([level]) => level === expected.logs);
      assert.ok(log.callCount() > 0, `${name} logs`);
    }
    assert.equal(FakeNative.sessions.flatMap(({ calls }) => calls).length, before, 'no task came of it');
  });
}

test('a configuration takes what sessions have, and leaves the rest alone', () => {
  const others = { connectionProxy: { http: 'http://a', headers: { b: 'c' } }, urlCache: null, tls: { httpsOnly: true }, mine: () => {} };
  const made = urlSession.createSession({ configuration: urlSession.createSessionConfiguration({ identifier: 'others', ...others }) });
  const { connectionProxy, tls, urlCache, mine } = FakeNative.last.options;
  assert.deepEqual(connectionProxy, { http: 'http://a', headers: [{ name: 'b', value: 'c' }] });
  assert.deepEqual([tls, urlCache, mine], [{ httpsOnly: true }, undefined, undefined]);
  assert.equal(urlSession.createSession({ configuration: made.configuration }), made);
  made.downloadTask({ url, priority: true, description: null });
  assert.equal(FakeNative.last.calls.at(-1)[1].priority, 1);
});

test('data that has no JSON form is sent without a body', (t) => {
  const debug = t.mock.method(console, 'debug', () => {});
  const cyclic = {};
  cyclic.self = cyclic;
  for (const data of [cyclic, () => {}, 1n]) {
    assert.equal(typeof session().dataTask({ url, data }), 'number');
    assert.equal(FakeNative.last.calls.at(-1)[1].data, undefined);
  }
  assert.equal(debug.mock.callCount(), 3);
});

test('a missing addon says what to do', () => {
  const { executable } = require('../lib/native.js');
  assert.doesNotThrow(executable);
});
