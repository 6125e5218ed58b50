// Files that live as long as this process holds them: one private folder, removed at exit or by the next process.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { application } = require('./application.js');
const { applicationFolder } = require('./paths.js');

/** Returns a path in this process's folder that no other file has. */
function temporaryPath() {
  folder ??= create();
  count += 1;
  return path.join(folder, String(count));
}

/** Removes the file once `holder` has been collected. */
function removeWith(holder, file) {
  collected.register(holder, file);
}

let folder;
let count = 0;

const collected = new FinalizationRegistry((file) => fs.rm(file, { force: true }, () => {}));

function create() {
  const parent = path.join(applicationFolder(application().id), 'held');
  fs.mkdirSync(parent, { recursive: true, mode: 0o700 });
  removeThoseOfTheDead(parent);
  const made = fs.mkdtempSync(path.join(parent, `${process.pid}-`));
  process.once('exit', () => fs.rmSync(made, { recursive: true, force: true }));
  return made;
}

function removeThoseOfTheDead(parent) {
  for (const name of fs.readdirSync(parent)) {
    if (!isAlive(Number.parseInt(name, 10))) fs.rmSync(path.join(parent, name), { recursive: true, force: true });
  }
}

function isAlive(pid) {
  try {
    return pid === process.pid || process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

module.exports = { temporaryPath, removeWith };
