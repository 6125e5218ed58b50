// The examples and the pages of documentation, executed.
'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { promisify } = require('node:util');
const { inHome } = require('./support/home.js');
const { Server } = require('./support/server.js');

const LINES = 60;
const root = path.join(__dirname, '../../..');
const folder = inHome('documents');
const run = promisify(execFile);

let server;
before(async () => {
  server = await Server.start();
  fs.mkdirSync(path.join(folder, 'node_modules'), { recursive: true });
  fs.symlinkSync(path.join(__dirname, '..'), path.join(folder, 'node_modules/urlsession'));
  fs.symlinkSync(path.join(__dirname, '..'), path.join(folder, 'node_modules/com.appcelerator.urlSession'));
});
after(() => server.stop());

test('the Titanium app downloads, and finds what arrived meanwhile', async () => {
  const app = example('titanium/app.js');
  const register = ['--require', 'urlsession/register', app];
  const { stdout } = await node([...register, server.url('/bytes/5000'), server.url('/status/404')]);
  assert.match(stdout, /Task 1 is in .*episode1, 5000 bytes/);
  assert.match(stdout, /Task 2 ended with status 404/);
  assert.equal((await node(register)).stdout, '');
});

test('download.mjs downloads, and fails as curl would', async () => {
  const app = example('node/download.mjs');
  const { stdout, stderr } = await node([app, server.url('/bytes/1000'), 'thousand']);
  assert.match(stdout, /thousand: 1000 bytes, status 200/);
  assert.match(stderr, /1000 of 1000 bytes/);
  await assert.rejects(node([app, server.url('/status/404'), 'missing']), { code: 1, stderr: /-1011/ });
});

test('survive.mjs takes the files of its tasks', async () => {
  const { stdout } = await node([example('node/survive.mjs'), server.url('/bytes/10'), server.url('/bytes/20')]);
  assert.match(stdout, /task-1: 10 bytes/);
  assert.equal(fs.statSync(path.join(folder, 'task-2')).size, 20);
});

test('upload.mjs uploads', async () => {
  fs.writeFileSync(path.join(folder, 'file'), 'contents');
  const { stdout } = await node([example('node/upload.mjs'), server.url('/up'), 'file']);
  assert.match(stdout, /status 200, 8 bytes sent/);
  assert.match(stdout, /"method":"PUT"/);
});

for (const [page, outputs] of [
  ['javascript.md', [/^12345 200$/, /^200 10\nPOST$/, /^localCache$/, /^1 200$/, /^12345$/, /^session example.com undefined\n1$/, /^true -1004 CannotConnectToHost$/]],
  ['javascript-titanium.md', [/^1 true 200$/]],
]) {
  test(`the snippets of ${page} work`, async () => {
    const text = fs.readFileSync(path.join(root, 'docs', page), 'utf8');
    const snippets = [...text.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);
    assert.equal(snippets.length, outputs.length);
    for (const [index, snippet] of snippets.entries()) {
      const isModule = snippet.includes('import ');
      const file = path.join(folder, `snippet-${page}-${index}.${isModule ? 'mjs' : 'cjs'}`);
      fs.writeFileSync(file, `const url = '${server.url(index === 1 ? '/echo' : '/bytes/12345')}';\n${snippet}`);
      const { stdout } = await node([file]);
      assert.match(stdout.trim(), outputs[index]);
    }
  });
}

for (const [page, endings] of [
  ['README.md', ['console.log(path, length);', 'console.log(world.elapsed >= 0);\nawait world.stop();']],
  ['crates/urlsession-node/README.md', ['console.log(path);', 'console.log(urlSession.moduleId);']],
]) {
  test(`the snippets of ${page} work`, async () => {
    const text = fs.readFileSync(path.join(root, page), 'utf8');
    const snippets = [...text.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);
    assert.equal(snippets.length, endings.length);
    for (const [index, snippet] of snippets.entries()) {
      const file = path.join(folder, `snippet-${page.replaceAll('/', '-')}-${index}.${snippet.includes('import ') ? 'mjs' : 'cjs'}`);
      const code = snippet.replaceAll('https://example.com/episode.mp3', server.url('/bytes/12345'));
      fs.writeFileSync(file, `${code}\n${endings[index]}\n`);
      const { stdout } = await node([file]);
      assert.match(stdout.trim().split('\n').at(-1), /episode\.mp3( 12345)?$|^true$|^com\.appcelerator\.urlSession$/);
    }
  });
}

function example(name) {
  const text = fs.readFileSync(path.join(root, 'examples', name), 'utf8');
  assert.ok(text.split('\n').length <= LINES, `${name} has at most ${LINES} lines`);
  const copy = path.join(folder, path.basename(name));
  fs.writeFileSync(copy, text);
  return copy;
}

function node(args) {
  return run(process.execPath, args, { cwd: folder });
}
