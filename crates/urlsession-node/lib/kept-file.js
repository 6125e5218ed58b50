// A file of the daemon's that is the app's to take until its event is acknowledged, and stays readable afterwards.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { isDaemons } = require('./paths.js');
const { removeWith, temporaryPath } = require('./temporary.js');

const [DAEMON, HOLDER, APP] = ['daemon', 'holder', 'app'];

class KeptFile {
  #path;
  #owner;

  /** A file at a destination that the app chose is the app's already; absent, its place says whose it is. */
  constructor(file, length, isChosen = !isDaemons(file)) {
    this.#path = file;
    this.#owner = isChosen ? APP : DAEMON;
    this.length = length;
  }

  get path() {
    return this.#path;
  }

  /** Says whether the file goes away by itself, so that it can be given away, and must be before it is relied on. */
  get isHeld() {
    return this.#owner !== APP;
  }

  /**
   * Makes `destination` this file, without a copy where both are on one file system.
   *
   * A link and not a rename: until the event is acknowledged the daemon must be able to deliver it again. Then it forgets
   * the file, so that what outlives this process must be durable before.
   */
  placeAt(destination, { outlivesProcess = true } = {}) {
    const aside = `${destination}.${process.pid}.part`;
    try {
      const isCopy = linkOrCopy(this.#path, aside);
      if (isCopy && outlivesProcess) sync(aside);
      fs.renameSync(aside, destination);
    } catch (error) {
      fs.rmSync(aside, { force: true });
      throw error;
    }
    if (outlivesProcess) syncFolder(path.dirname(destination));
    this.#path = path.resolve(destination);
    this.#owner = APP;
  }

  /** Keeps the bytes for as long as `holder` lives, whatever the daemon does with its own name of the file. */
  keepFor(holder) {
    if (this.#owner !== DAEMON) return;
    const held = temporaryPath();
    linkOrCopy(this.#path, held);
    this.#path = held;
    this.#owner = HOLDER;
    removeWith(holder, held);
  }
}

/** Gives `to` the bytes of `from`: a link, else a clone or a copy. Says whether it is one of these. */
function linkOrCopy(from, to) {
  try {
    fs.linkSync(from, to);
    return false;
  } catch (error) {
    if (error.code === 'ENOENT') throw error;
    if (error.code === 'EEXIST') {
      fs.rmSync(to);
      return linkOrCopy(from, to);
    }
    fs.copyFileSync(from, to, fs.constants.COPYFILE_FICLONE);
    return true;
  }
}

/** Gives a file another name, across file systems by a copy, which is durable and has its name before the file is gone. */
function moveFile(from, to) {
  try {
    fs.renameSync(from, to);
  } catch (error) {
    if (error.code !== 'EXDEV') throw error;
    new KeptFile(from, undefined, true).placeAt(to);
    fs.unlinkSync(from);
  }
}

function sync(file) {
  // A copy of a file that is read only is so, too; Windows syncs only what can be written.
  const descriptor = fs.openSync(file, process.platform === 'win32' ? 'r+' : 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

// Some systems sync no folders, and some folders can be written but not read: then there is no more to be done.
function syncFolder(folder) {
  try {
    sync(folder);
  } catch {
    // The file is there.
  }
}

module.exports = { KeptFile, linkOrCopy, moveFile };
