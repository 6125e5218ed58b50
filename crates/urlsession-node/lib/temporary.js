// Files that live as long as this process holds them: one private folder, removed at exit or by the next process.
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { isMainThread } = require('node:worker_threads');
const { application } = require('./application.js');
const { applicationFolder } = require('./paths.js');

/** Returns a path in this process's folder that no other file has: beside the files of the daemon, to be linked to them. */
function temporaryPath() {
  // Each simulation has a home of its own.
  return pathIn(path.join(applicationFolder(application().id), 'held'), '');
}

/** Returns such a path beside the files of sessions that live here, which need no state folder. */
function systemTemporaryPath() {
  return pathIn(os.tmpdir(), 'urlsession-held-');
}

/** Removes the file once `holder` has been collected. */
function removeWith(holder, file) {
  collected.register(holder, file);
}

/** Has something done when the process ends, also by `process.exit()`; a thread that ends before it is no reason. */
function callAtExit(remove) {
  if (isMainThread && !process.listeners('exit').includes(remove)) process.once('exit', remove);
}

const folders = new Map();
let count = 0;

const collected = new FinalizationRegistry((file) => fs.rm(file, { force: true }, () => {}));

function pathIn(parent, prefix) {
  const folder = folders.get(parent) ?? create(parent, prefix);
  count += 1;
  return path.join(folder, String(count));
}

function create(parent, prefix) {
  fs.mkdirSync(parent, { recursive: true, mode: 0o700 });
  removeThoseOfTheDead(parent, prefix);
  const made = fs.mkdtempSync(path.join(parent, `${prefix}${process.pid}-`));
  if (folders.size === 0) process.once('exit', removeAll);
  folders.set(parent, made);
  return made;
}

function removeAll() {
  for (const folder of folders.values()) fs.rmSync(folder, { recursive: true, force: true });
}

function removeThoseOfTheDead(parent, prefix) {
  for (const name of fs.readdirSync(parent)) {
    if (!name.startsWith(prefix) || isAlive(Number.parseInt(name.slice(prefix.length), 10))) continue;
    try {
      fs.rmSync(path.join(parent, name), { recursive: true, force: true });
    } catch {
      // Another user's, where the folder is everybody's.
    }
  }
}

function isAlive(pid) {
  try {
    return pid === process.pid || process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

module.exports = { callAtExit, removeWith, systemTemporaryPath, temporaryPath };
