// Both faces, once a process: a second copy of the package, under its other name, takes the first one's.
'use strict';

const { version } = require('../package.json');

// Copies of different versions have nothing in common but the daemon.
const SHARED = Symbol.for(`urlsession ${version}`);

globalThis[SHARED] ??= {
  urlSession: require('./titanium/module.js'),
  modern: require('./modern/index.js'),
  ...require('./titanium/current.js'),
};

module.exports = globalThis[SHARED];
