// The parts of Titanium that the package brings.
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { Worker } = require('node:worker_threads');
const { inHome } = require('./support/home.js');
const { describe } = require('../lib/application.js');
const { KeptFile } = require('../lib/kept-file.js');
const { isDaemons, stateFolder } = require('../lib/paths.js');
const { Blob } = require('../lib/titanium/blob.js');
const { Properties } = require('../lib/titanium/properties.js');
require('../index.js');

const { Filesystem } = Ti;
const file = (...parts) => Filesystem.getFile(inHome(), ...parts);

test('Ti and Titanium are one object, made when first used', () => {
  assert.equal(Ti, Titanium);
  assert.equal(Ti.App.id, 'com.example.test');
  assert.match(Ti.Platform.createUUID(), /^[0-9a-f-]{36}$/);
});

test('an app is what tiapp.xml or package.json say', () => {
  const folder = inHome('project', 'Resources');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(inHome('project', 'package.json'), '{"name":"outer","version":"1.0.0","urlsession":{"launch":true}}');
  assert.equal(describe(folder, {}).id, 'outer');
  assert.equal(describe(folder, {}).launch, true);
  fs.writeFileSync(inHome('project', 'tiapp.xml'), '<ti:app><!-- <id>no</id> --><id>com.a.b</id><name>A &amp; B</name><version>2</version></ti:app>');
  const app = describe(folder, {});
  assert.deepEqual([app.id, app.name, app.version], ['com.a.b', 'A & B', '2']);
  assert.equal(describe(folder, { URLSESSION_APP_ID: 'c' }).id, 'c');
});

test('properties are kept, typed and told of', () => {
  const folder = inHome('properties');
  const properties = new Properties(folder);
  const changes = [];
  properties.addEventListener('change', ({ property }) => changes.push(property));
  const kept = [['String', 'a'], ['Int', 5], ['Double', 1.5], ['Bool', false], ['List', [1, 'b']], ['Object', { a: [2] }]];
  for (const [kind, value] of kept) {
    assert.equal(properties[`get${kind}`](kind), null);
    assert.equal(properties[`get${kind}`](kind, 'missing'), 'missing');
    properties[`set${kind}`](kind, value);
  }
  const again = new Properties(folder);
  for (const [kind, value] of kept) assert.deepEqual(again[`get${kind}`](kind), value);
  properties.setInt('Int', 6);
  assert.equal(again.getInt('Int'), 6, 'another process is noticed');
  assert.deepEqual(again.listProperties(), kept.map(([kind]) => kind));
  again.getObject('Object').a.push(3);
  assert.deepEqual(again.getObject('Object'), { a: [2] }, 'what the app does with a value is its own');
  assert.throws(() => again.setInt('Int', 'five'), { subreason: 'expected: Number, was: String' });
  for (const [kind, given, read] of [['Bool', 1, true], ['Bool', 0, false], ['Int', 2.5, 2], ['Int', true, 1], ['Double', true, 1]]) {
    again[`set${kind}`](kind, given);
    assert.equal(again[`get${kind}`](kind), read, `${given} as ${kind}`);
  }
  const cyclic = {};
  cyclic.self = cyclic;
  assert.throws(() => again.setObject('Object', cyclic), /circular/);
  again.setString('String', null);
  assert.equal(again.hasProperty('String'), false);
  again.removeAllProperties();
  assert.deepEqual(new Properties(folder).listProperties(), []);
  assert.deepEqual(changes, [...kept.map(([kind]) => kind), 'Int']);
});

test('properties are durable before they have their name, and each thread writes its own', async (t) => {
  const folder = inHome('durable');
  const file = path.join(folder, 'properties.json');
  const steps = [];
  const opened = new Map();
  for (const name of ['openSync', 'fsyncSync', 'renameSync']) {
    const real = fs[name];
    t.mock.method(fs, name, (first, ...rest) => {
      const made = real(first, ...rest);
      if (name === 'openSync') opened.set(made, first);
      else steps.push([name, opened.get(first) ?? first]);
      return made;
    });
  }
  const properties = new Properties(folder);
  properties.setString('a', 'b');
  const [[, aside]] = steps;
  assert.deepEqual(steps, [['fsyncSync', aside], ['renameSync', aside]]);
  properties.setString('c', 'd');
  steps.length = 0;
  properties.removeAllProperties();
  assert.equal(steps.length, 2, 'all are removed at once');
  t.mock.restoreAll();
  assert.equal(fs.readFileSync(file, 'utf8'), '{}');
  const worker = new Worker(`
    const fs = require('node:fs');
    const { parentPort, workerData: { module, folder } } = require('node:worker_threads');
    fs.renameSync = (aside) => parentPort.postMessage(aside);
    const { Properties } = require(module);
    new Properties(folder).setString('a', 'b');
  `, { eval: true, workerData: { module: require.resolve('../lib/titanium/properties.js'), folder } });
  const [own] = await once(worker, 'message');
  assert.notEqual(own, aside);
});

test('properties in a folder that takes none say what to do', () => {
  fs.writeFileSync(inHome('no-folder'), '');
  const properties = new Properties(inHome('no-folder'));
  assert.equal(properties.getString('a', 'b'), 'b');
  assert.throws(() => properties.setString('a', 'c'), /make the folder writable, or set URLSESSION_HOME/);
});

test('files are written, read, appended, copied, moved, renamed, listed and deleted', () => {
  const folder = file('files');
  assert.equal(folder.createDirectory(), true);
  assert.equal(folder.isDirectory(), true);
  const text = file('files', 'a.txt');
  assert.equal(text.exists(), false);
  assert.equal(text.read(), null);
  assert.equal(text.write('one'), true);
  assert.equal(text.append(' two'), true);
  assert.equal(text.read().text, 'one two');
  assert.deepEqual([text.name, text.size, text.extension(), text.parent.nativePath], ['a.txt', 7, 'txt', folder.nativePath]);
  assert.equal(text.copy(file('files', 'b.txt').nativePath), true);
  const copy = file('files', 'b.txt');
  assert.equal(copy.write(text), true);
  assert.equal(copy.write(Ti.createBuffer({ value: 'buffer' })), true);
  assert.equal(copy.read().text, 'buffer');
  assert.equal(copy.rename('c.txt'), true);
  assert.equal(copy.name, 'c.txt');
  assert.equal(copy.move(file('files', 'd.txt').nativePath), true);
  assert.deepEqual(folder.getDirectoryListing().sort(), ['a.txt', 'd.txt']);
  assert.equal(text.deleteFile(), true);
  assert.equal(text.deleteFile(), false);
  assert.equal(folder.deleteDirectory(), false, 'it is not empty');
  assert.equal(folder.deleteDirectory(true), true);
  assert.equal(file('missing', 'a').write('b'), false);
  assert.equal(fs.statSync(Filesystem.applicationDataDirectory).isDirectory(), true);
  assert.equal(fs.statSync(Filesystem.tempDirectory).mode & 0o777, 0o700);
});

test('a blob of a file reads it when asked', async () => {
  const path = inHome('lazy.bin');
  fs.writeFileSync(path, 'lazy');
  const blob = Blob.ofFile(path);
  fs.writeFileSync(path, 'late text');
  assert.equal(blob.length, 9);
  assert.equal(blob.size, 9);
  assert.equal(String(blob), 'late text');
  assert.equal(blob.nativePath, path);
  assert.equal(Buffer.from(await blob.arrayBuffer()).toString(), 'late text');
  assert.equal(await new Response(blob.stream()).text(), 'late text');
  const memory = Blob.ofBytes(Buffer.from('é'));
  assert.deepEqual([memory.length, memory.text, memory.nativePath, memory.file], [2, 'é', null, null]);
  assert.equal(await new Response(memory.stream()).text(), 'é');
});

test('a finished file is given away without a copy, and can be asked for again until it is acknowledged', () => {
  const path = inHome('state', 'files', '1.download');
  fs.mkdirSync(inHome('state', 'files'), { recursive: true });
  fs.writeFileSync(path, 'finished');
  const { ino } = fs.statSync(path);
  const blob = Blob.ofKept(new KeptFile(path, 8));
  const target = file('given.bin');
  assert.equal(blob.file.move(target.nativePath), true);
  assert.equal(fs.statSync(target.nativePath).ino, ino);
  assert.equal(fs.existsSync(path), true, 'the daemon can deliver it again');
  assert.equal(blob.nativePath, target.nativePath);
  const kept = new KeptFile(path, 8);
  const held = Blob.ofKept(kept);
  kept.keepFor(held);
  fs.unlinkSync(path);
  assert.equal(held.text, 'finished', 'a blob outlives the daemon’s file');
});

test('what is copied to another file system is durable before the first file may go', (t) => {
  const path = inHome('state', 'files', '3.download');
  fs.writeFileSync(path, 'finished', { mode: 0o600 });
  const own = file('own.bin');
  own.write('own');
  const folder = file('elsewhere');
  folder.createDirectory();
  const [given, moved] = ['given', 'moved'].map((name) => file('elsewhere', name));
  const elsewhere = () => { throw Object.assign(new Error('another file system'), { code: 'EXDEV' }); };
  const { renameSync, openSync, fsyncSync, unlinkSync } = fs;
  const [steps, opened] = [[], new Map()];
  t.mock.method(fs, 'linkSync', elsewhere);
  t.mock.method(fs, 'openSync', (name, ...rest) => {
    const descriptor = openSync(name, ...rest);
    opened.set(descriptor, name);
    return descriptor;
  });
  t.mock.method(fs, 'fsyncSync', (descriptor) => {
    steps.push(`sync ${opened.get(descriptor)}`);
    fsyncSync(descriptor);
  });
  t.mock.method(fs, 'renameSync', (from, to) => {
    if (from === own.nativePath) elsewhere();
    steps.push(`rename ${to}`);
    renameSync(from, to);
  });
  t.mock.method(fs, 'unlinkSync', (name) => {
    steps.push(`unlink ${name}`);
    unlinkSync(name);
  });
  const part = (target) => `${target.nativePath}.${process.pid}.part`;
  const durable = (target) => [
    `sync ${part(target)}`, `rename ${target.nativePath}`, `sync ${folder.nativePath}`,
  ];
  assert.equal(given.write(Blob.ofKept(new KeptFile(path, 8))), true);
  assert.deepEqual(steps.splice(0), durable(given));
  const from = own.nativePath;
  assert.equal(own.move(moved.nativePath), true);
  assert.deepEqual(steps, [...durable(moved), `unlink ${from}`]);
  t.mock.restoreAll();
  assert.deepEqual([given.read().text, moved.read().text, folder.getDirectoryListing().sort()], ['finished', 'own', ['given', 'moved']]);
});

test('a file is the daemon’s by whatever way its home is named', () => {
  const home = `${path.sep}homes${path.sep}elsewhere${path.sep}..${path.sep}mine`;
  const state = stateFolder({ URLSESSION_HOME: home });
  const under = (...parts) => [home, 'state', ...parts].join(path.sep);
  assert.equal(isDaemons(under('files', '1.download'), state), true);
  assert.equal(isDaemons(under('apps', 'mine', 'data', 'file'), state), false);
  assert.equal(isDaemons(under('..', 'file'), state), false);
});

test('a file of the app’s own is moved, and its blob knows where to', () => {
  const [from, to] = [file('moves.bin'), file('moved.bin')];
  from.write('own');
  const blob = from.read();
  assert.equal(blob.file.move(to.nativePath), true);
  assert.deepEqual([from.exists(), to.read().text, blob.text], [false, 'own', 'own']);
});

test('what cannot be given away leaves nothing aside', () => {
  const path = inHome('state', 'files', '2.download');
  fs.writeFileSync(path, 'finished');
  const folder = file('taken');
  folder.createDirectory();
  const blob = Blob.ofKept(new KeptFile(path, 8));
  const names = () => folder.parent.getDirectoryListing().sort();
  const before = names();
  assert.equal(blob.file.move(folder.nativePath), false);
  assert.deepEqual([names(), blob.text], [before, 'finished']);
});

test('a buffer is indexed, grows and is copied', () => {
  const buffer = Ti.createBuffer({ value: 'abc' });
  assert.equal(buffer[0], 97);
  buffer[0] = 65;
  assert.equal(buffer.append(Ti.createBuffer({ value: 'def' })), 3);
  assert.equal(buffer.insert(Ti.createBuffer({ value: '-' }), 3), 1);
  assert.equal(buffer.toString(), 'Abc-def');
  assert.equal(buffer.clone(4, 2).toString(), 'de');
  buffer.length = 2;
  buffer.fill(120, 1);
  assert.equal(buffer.toBlob().text, 'Ax');
  buffer.clear();
  assert.equal(buffer[1], 0);
  buffer.release();
  assert.equal(buffer.length, 0);
});

test('Ti.API writes to the console', (t) => {
  const lines = [];
  for (const method of ['debug', 'info', 'warn', 'error']) t.mock.method(console, method, (...line) => lines.push(line));
  Ti.API.info('a', 1);
  Ti.API.log('warn', 'b');
  Ti.API.log('c');
  assert.deepEqual(lines, [['[INFO]', 'a', 1], ['[WARN]', 'b'], ['[INFO]', 'c']]);
});

test('background fetch is a harmless no-op', () => {
  Ti.App.iOS.setMinimumBackgroundFetchInterval(Ti.App.iOS.BACKGROUNDFETCHINTERVAL_MIN);
  let fired;
  Ti.App.iOS.addEventListener('custom', (event) => { fired = event; });
  Ti.App.iOS.fireEvent('custom', { a: 1 });
  assert.deepEqual({ ...fired, source: undefined }, { a: 1, type: 'custom', source: undefined, bubbles: false, cancelBubble: false });
});
