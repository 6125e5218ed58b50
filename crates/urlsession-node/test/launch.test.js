// The daemon starts an app again when its tasks have ended and nobody is there to be told.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { runApp } = require('./support/app.js');
const { inHome } = require('./support/home.js');
const { Server } = require('./support/server.js');

let server;
before(async () => { server = await Server.start(); });
after(() => server.stop());

for (const [name, args] of [['by its launchCommand', ['given']], ['as its package.json says', []]]) {
  test(`an app is launched ${name}, told why, and given its events`, async () => {
    const folder = project(args.length === 0);
    const records = path.join(folder, 'records');
    const launched = new Promise((resolve) => {
      const watcher = fs.watch(folder, () => {
        if (!fs.existsSync(records)) return;
        watcher.close();
        resolve();
      });
    });
    const app = path.join(folder, 'app.js');
    assert.equal((await runApp(app, [server.url('/bytes/100'), records, ...args])).code, 0);
    await launched;
    assert.deepEqual(fs.readFileSync(records, 'utf8').trim().split('\n'), [
      `backgroundtransfer true com.example.test ${process.cwd()}`,
      'downloadcompleted',
      'sessioncompleted',
      'sessioneventscompleted',
    ]);
  });
}

test('what is no command is refused', () => {
  const { Session } = require('../index.js');
  for (const launchCommand of [[], 'node app.js', [1]]) {
    assert.throws(() => new Session({ identifier: 'a', launchCommand }), { name: 'TypeError', message: /launchCommand/ });
  }
});

function project(launch) {
  const folder = inHome(`launch ${launch}`);
  fs.mkdirSync(path.join(folder, 'node_modules'), { recursive: true });
  fs.symlinkSync(path.join(__dirname, '..'), path.join(folder, 'node_modules/urlsession'));
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'launched', urlsession: { launch } }));
  fs.copyFileSync(path.join(__dirname, 'apps/launched.js'), path.join(folder, 'app.js'));
  return folder;
}
