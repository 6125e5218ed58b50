#!/usr/bin/env node
// The command `urlsession` of the npm package: hands over to the executable that came with it.
'use strict';

const { spawnSync } = require('node:child_process');
const { executable } = require('../lib/native.js');

const file = process.env.URLSESSION_DAEMON || executable();
if (file === undefined) {
  console.error('urlsession: no executable for this platform came with the package; reinstall it with optional dependencies');
  process.exit(6);
}
const { status, signal, error } = spawnSync(file, process.argv.slice(2), { stdio: 'inherit' });
if (error) {
  console.error(`urlsession: cannot run ${file}: ${error.message}`);
  process.exit(6);
}
if (signal) process.kill(process.pid, signal);
process.exit(status);
