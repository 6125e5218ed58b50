// The parts of Titanium that its session API needs, for processes that are no Titanium app.
'use strict';

const { API } = require('./api.js');
const { App } = require('./app.js');
const { Blob } = require('./blob.js');
const { TiBuffer, createBuffer } = require('./buffer.js');
const { Filesystem } = require('./filesystem.js');
const { Platform } = require('./platform.js');
const { version } = require('../../package.json');

const Ti = {
  API,
  App: new App(),
  Blob,
  Buffer: TiBuffer,
  createBuffer,
  Filesystem,
  Platform,
  userAgent: `urlsession/${version}`,
  version,
};

module.exports = { Ti };
