// Ti.Platform: what machine this is, in Titanium's words.
'use strict';

const os = require('node:os');
const { randomUUID } = require('node:crypto');

const Platform = {
  get name() {
    return os.type();
  },
  get osname() {
    return process.platform;
  },
  get ostype() {
    return process.arch.includes('64') ? '64bit' : '32bit';
  },
  get version() {
    return os.release();
  },
  get architecture() {
    return process.arch;
  },
  get model() {
    return os.cpus()[0]?.model ?? 'unknown';
  },
  get processorCount() {
    return os.availableParallelism?.() ?? os.cpus().length;
  },
  get username() {
    return os.userInfo().username;
  },
  get hostname() {
    return os.hostname();
  },
  get totalMemory() {
    return os.totalmem();
  },
  get availableMemory() {
    return os.freemem();
  },
  get uptime() {
    return os.uptime();
  },
  get locale() {
    return Intl.DateTimeFormat().resolvedOptions().locale;
  },
  get runtime() {
    return 'node';
  },
  createUUID: () => randomUUID(),
};

module.exports = { Platform };
