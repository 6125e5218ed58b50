// Ti.Filesystem: the app's folders and how a File is named.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { application } = require('../application.js');
const { applicationFolder } = require('../paths.js');
const { File } = require('./file.js');
const { pathOf } = require('./location.js');

const Filesystem = {
  File,
  separator: path.sep,
  lineEnding: '\n',

  /** Joins the parts to one path; a relative one begins at the app's folder. */
  getFile(...parts) {
    const [first = '', ...rest] = parts.map(String);
    return new File(path.join(pathOf(first), ...rest));
  },

  createTempFile() {
    const file = path.join(fs.mkdtempSync(path.join(Filesystem.tempDirectory, 'file-')), 'file');
    fs.writeFileSync(file, '');
    return new File(file);
  },

  createTempDirectory() {
    return new File(fs.mkdtempSync(path.join(Filesystem.tempDirectory, 'folder-')));
  },

  get resourcesDirectory() {
    return `${application().folder}${path.sep}`;
  },
  get applicationDirectory() {
    return `${application().folder}${path.sep}`;
  },
  // On the daemon's file system, so that a finished download moves here without a copy.
  get applicationDataDirectory() {
    return made('data');
  },
  get applicationSupportDirectory() {
    return made('support');
  },
  get applicationCacheDirectory() {
    return made('cache');
  },
  get tempDirectory() {
    return made('tmp');
  },
};

function made(name) {
  const folder = path.join(applicationFolder(application().id), name);
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  return `${folder}${path.sep}`;
}

module.exports = { Filesystem };
