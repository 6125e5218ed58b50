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
   * A link and not a rename: until the event is acknowledged the daemon must be able to deliver it again.
   */
  placeAt(destination) {
    const aside = `${destination}.${process.pid}.part`;
    try {
      linkOrCopy(this.#path, aside);
      fs.renameSync(aside, destination);
    } catch (error) {
      fs.rmSync(aside, { force: true });
      throw error;
    }
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

/** Gives `to` the bytes of `from`: a link, else a clone or a copy. */
function linkOrCopy(from, to) {
  try {
    fs.linkSync(from, to);
  } catch (error) {
    if (error.code === 'ENOENT') throw error;
    if (error.code === 'EEXIST') {
      fs.rmSync(to);
      linkOrCopy(from, to);
    } else {
      fs.copyFileSync(from, to, fs.constants.COPYFILE_FICLONE);
    }
  }
}

/** Gives a file another name, across file systems by a copy. */
function moveFile(from, to) {
  try {
    fs.renameSync(from, to);
  } catch (error) {
    if (error.code !== 'EXDEV') throw error;
    fs.copyFileSync(from, to);
    fs.unlinkSync(from);
  }
}

module.exports = { KeptFile, linkOrCopy, moveFile };
