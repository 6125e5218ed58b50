// A home of the test's own for state and daemon; both are gone when the test is.
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const built = path.join(__dirname, '../../../../target/debug');
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'urlsession-node-'));

process.env.URLSESSION_HOME = home;
process.env.URLSESSION_APP_ID = 'com.example.test';
process.env.URLSESSION_DAEMON ??= path.join(built, 'urlsession');
process.env.URLSESSION_ADDON ??= path.join(built, 'urlsession.node');

process.on('exit', () => {
  try {
    if (fs.existsSync(path.join(home, 'run'))) urlsession('daemon', 'stop');
  } finally {
    fs.rmSync(home, { recursive: true, force: true });
  }
});

/** Runs the executable and returns what it printed. */
function urlsession(...args) {
  return execFileSync(process.env.URLSESSION_DAEMON, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

/** Returns a path in the home. */
function inHome(...parts) {
  return path.join(home, ...parts);
}

module.exports = { home, inHome, urlsession };
