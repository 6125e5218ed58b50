// A home of the test's own for state and daemon, removed when the process ends.
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'urlsession-node-'));
process.env.URLSESSION_HOME = home;
process.env.URLSESSION_APP_ID = 'com.example.test';
process.on('exit', () => fs.rmSync(home, { recursive: true, force: true }));

module.exports = { home };
