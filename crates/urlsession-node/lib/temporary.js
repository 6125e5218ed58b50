// Files that live as long as this process holds them: one private folder, removed at exit or by the next process.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { application } = require('./application.js');
const { applicationFolder } = require('./paths.js');

/** Returns a path in this process's folder that no other file has. */
function temporaryPath() {
  const parent = path.join(applicationFolder(application().id), 'held');
  // Each simulation has a home of its own.
  const folder = folders.get(parent) ?? create(parent);
  count += 1;
  return path.join(folder, String(count));
}

/** Removes the file once `holder` has been collected. */
function removeWith(holder, file) {
  collected.register(holder, file);
}

const folders = new Map();
let count = 0;

const collected = new FinalizationRegistry((file) => fs.rm(file, { force: true }, () => {}));

function create(parent) {
  fs.mkdirSync(parent, { recursive: true, mode: 0o700 });
  removeThoseOfTheDead(parent);
  const made = fs.mkdtempSync(path.join(parent, `${process.pid}-`));
  if (folders.size === 0) process.once('exit', removeAll);
  folders.set(parent, made);
  return made;
}

function removeAll() {
  for (const folder of folders.values()) fs.rmSync(folder, { recursive: true, force: true });
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
