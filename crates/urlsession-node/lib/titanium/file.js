// Ti.Filesystem.File: a path and what can be done with the file or folder there; failures are `false`, as in Titanium.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { moveFile } = require('../kept-file.js');
const { API } = require('./api.js');
const { Blob } = require('./blob.js');
const { TiBuffer } = require('./buffer.js');
const { pathOf } = require('./location.js');

class File {
  #path;
  #blob;

  /** The file behind a blob: moving it away takes it from the blob without a copy. */
  static ofBlob(blob) {
    const file = new File(blob.nativePath);
    file.#blob = blob;
    return file;
  }

  constructor(nativePath) {
    this.#path = nativePath;
  }

  get nativePath() {
    return this.#path;
  }

  get name() {
    return path.basename(this.#path);
  }

  get parent() {
    return new File(path.dirname(this.#path));
  }

  get size() {
    return this.#stat()?.size ?? 0;
  }

  get writable() {
    try {
      fs.accessSync(this.#path, fs.constants.W_OK);
      return true;
    } catch {
      return false;
    }
  }

  get readonly() {
    return !this.writable;
  }

  get hidden() {
    return this.name.startsWith('.');
  }

  get symbolicLink() {
    return fs.lstatSync(this.#path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  }

  exists() {
    return this.#stat() !== undefined;
  }

  isFile() {
    return this.#stat()?.isFile() ?? false;
  }

  isDirectory() {
    return this.#stat()?.isDirectory() ?? false;
  }

  extension() {
    return path.extname(this.#path).slice(1) || null;
  }

  createdAt() {
    return this.#stat()?.birthtime ?? null;
  }

  modifiedAt() {
    return this.#stat()?.mtime ?? null;
  }

  /** Returns the file as a blob that reads it when asked, `null` where there is none. */
  read() {
    return this.isFile() ? Blob.ofFile(this.#path) : null;
  }

  /** Writes a string, blob, buffer or file. A blob of a finished download becomes this file, without a copy. */
  write(data, append = false) {
    if (append) return this.append(data);
    return succeeds(`write ${this.#path}`, () => {
      if (data instanceof Blob) Blob.writeTo(data, this.#path);
      else if (data instanceof File) Blob.writeTo(data.#blob ?? Blob.ofFile(data.#path), this.#path);
      else fs.writeFileSync(this.#path, bytesOf(data));
    });
  }

  append(data) {
    return succeeds(`append to ${this.#path}`, () => fs.appendFileSync(this.#path, bytesOf(data)));
  }

  /** Copies to a path; what is there is replaced. */
  copy(destination) {
    return succeeds(`copy ${this.#path}`, () => {
      fs.copyFileSync(this.#path, pathOf(destination), fs.constants.COPYFILE_FICLONE);
    });
  }

  /** Moves to a path; what is there is replaced, across file systems by a copy. */
  move(destination) {
    return succeeds(`move ${this.#path}`, () => {
      const target = pathOf(destination);
      if (this.#blob) Blob.moveTo(this.#blob, target);
      else moveFile(this.#path, target);
      this.#path = target;
    });
  }

  /** Gives the file another name in its folder. */
  rename(name) {
    return this.move(path.isAbsolute(name) ? name : path.join(path.dirname(this.#path), name));
  }

  createFile() {
    return succeeds(`create ${this.#path}`, () => fs.closeSync(fs.openSync(this.#path, 'wx')));
  }

  createDirectory(recursive = true) {
    if (this.isDirectory()) return false;
    return succeeds(`create ${this.#path}`, () => fs.mkdirSync(this.#path, { recursive }));
  }

  deleteFile() {
    if (!this.isFile() && !this.symbolicLink) return false;
    return succeeds(`delete ${this.#path}`, () => fs.unlinkSync(this.#path));
  }

  deleteDirectory(recursive = false) {
    if (!this.isDirectory()) return false;
    const remove = () => (recursive ? fs.rmSync(this.#path, { recursive }) : fs.rmdirSync(this.#path));
    return succeeds(`delete ${this.#path}`, remove);
  }

  /** Returns the names in the folder, `null` where there is none. */
  getDirectoryListing() {
    return this.isDirectory() ? fs.readdirSync(this.#path) : null;
  }

  resolve() {
    return this.#path;
  }

  toString() {
    return this.#path;
  }

  toJSON() {
    return { nativePath: this.#path };
  }

  #stat() {
    return fs.statSync(this.#path, { throwIfNoEntry: false });
  }
}

function bytesOf(data) {
  if (data instanceof Blob) return data.bytes();
  if (data instanceof File) return fs.readFileSync(data.nativePath);
  if (data instanceof TiBuffer) return data.toBuffer();
  return ArrayBuffer.isView(data) ? data : String(data);
}

function succeeds(what, action) {
  try {
    action();
    return true;
  } catch (error) {
    API.error(`Ti.Filesystem: cannot ${what}: ${error.message}`);
    return false;
  }
}

module.exports = { File };
