#!/usr/bin/env node
// The command `urlsession` of the npm package: hands over to the executable that came with it.
'use strict';

const { spawn } = require('node:child_process');
const { constants } = require('node:os');
const { isatty } = require('node:tty');
const { executable } = require('../lib/native.js');

const file = process.env.URLSESSION_DAEMON || executable();
if (file === undefined) {
  console.error('urlsession: no executable for this platform came with the package; reinstall it with optional dependencies');
  process.exit(6);
}
const child = spawn(file, process.argv.slice(2), { stdio: 'inherit' });
child.on('error', (error) => {
  console.error(`urlsession: cannot run ${file}: ${error.message}`);
  process.exit(6);
});
// Without this a signal would end this process alone, and leave the executable behind; a terminal tells both of them.
const isOnTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
const heard = ['SIGINT', 'SIGHUP', 'SIGTERM'];
for (const name of heard) process.on(name, () => (name === 'SIGTERM' || !isOnTerminal) && child.kill(name));
child.on('exit', (status, signal) => {
  if (signal === null) process.exit(status);
  heard.forEach((name) => process.removeAllListeners(name));
  process.exitCode = 128 + constants.signals[signal];
  process.kill(process.pid, signal);
});
