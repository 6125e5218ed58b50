// A home of the test's own for state and daemon; both are gone when the test is.
'use strict';

const { execFile, execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');

const built = path.join(__dirname, '../../../../target/debug');
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'urlsession-node-'));

process.env.URLSESSION_HOME = home;
process.env.URLSESSION_APP_ID = 'com.example.test';
process.env.URLSESSION_DAEMON ??= path.join(built, 'urlsession');
process.env.URLSESSION_ADDON ??= path.join(built, 'urlsession.node');

process.on('exit', () => {
  try {
    if (fs.existsSync(path.join(home, 'run'))) execFileSync(process.env.URLSESSION_DAEMON, ['daemon', 'stop'], { stdio: 'ignore' });
  } finally {
    fs.rmSync(home, { recursive: true, force: true });
  }
});

/** Runs the executable and resolves with what it printed; the test's server answers meanwhile. */
async function urlsession(...args) {
  const { stdout } = await promisify(execFile)(process.env.URLSESSION_DAEMON, args);
  return stdout;
}

/** Returns a path in the home. */
function inHome(...parts) {
  return path.join(home, ...parts);
}

module.exports = { home, inHome, urlsession };
