// Ti.Blob: bytes in memory or a file that is read when somebody asks, however large it is.
'use strict';

const fs = require('node:fs');
const { Readable } = require('node:stream');
const { KeptFile, moveFile } = require('../kept-file.js');
const { mediaType } = require('../text.js');

class Blob {
  #source;
  #mimeType;

  /** A blob of a file of the app's own. */
  static ofFile(path) {
    return new Blob(new FileSource({ path, isHeld: false }));
  }

  /** A blob of a file that a transfer left, to be kept or moved. */
  static ofKept(kept) {
    return new Blob(new FileSource(kept));
  }

  static ofBytes(bytes, headers) {
    return new Blob(new MemorySource(bytes), mediaType(headers));
  }

  constructor(source, mimeType = 'application/octet-stream') {
    this.#source = source;
    this.#mimeType = mimeType;
  }

  get length() {
    return this.#source.length;
  }

  get size() {
    return this.length;
  }

  get mimeType() {
    return this.#mimeType;
  }

  get nativePath() {
    return this.#source.path ?? null;
  }

  /** The file behind it, `null` for bytes in memory. */
  get file() {
    const { File } = require('./file.js'); // A File makes blobs too, so neither can be loaded first.
    return this.#source.path === undefined ? null : File.ofBlob(this);
  }

  /** The whole of it as text; for large blobs there is `stream()`. */
  get text() {
    return this.bytes().toString('utf8');
  }

  toString() {
    return this.text;
  }

  async arrayBuffer() {
    const bytes = await this.#source.read();
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  }

  /** Returns a stream of the bytes, as the web's Blob does. */
  stream() {
    return Readable.toWeb(this.#source.stream());
  }

  bytes() {
    return this.#source.readNow();
  }

  /** Says whether the bytes are in a file that goes away with this object. */
  get isHeld() {
    return this.#source.isHeld;
  }

  append(other) {
    const more = other instanceof Blob ? other.bytes() : Buffer.from(String(other));
    this.#source = new MemorySource(Buffer.concat([this.bytes(), more]));
  }

  /** Writes the bytes to a path: without a copy if they are in a file that can be given away. */
  static writeTo(blob, path) {
    blob.#source.writeTo(path);
  }

  /** Gives the file behind it another name. */
  static moveTo(blob, path) {
    blob.#source.moveTo(path);
  }

  toJSON() {
    return { length: this.length, mimeType: this.mimeType };
  }
}

class MemorySource {
  isHeld = false;

  constructor(bytes) {
    this.bytes = bytes;
  }

  get length() {
    return this.bytes.length;
  }

  read() {
    return Promise.resolve(this.bytes);
  }

  readNow() {
    return this.bytes;
  }

  stream() {
    return Readable.from([this.bytes], { objectMode: false });
  }

  writeTo(path) {
    fs.writeFileSync(path, this.bytes);
  }

  moveTo(path) {
    this.writeTo(path);
  }
}

class FileSource {
  #kept;

  constructor(kept) {
    this.#kept = kept;
  }

  get path() {
    return this.#kept.path;
  }

  get isHeld() {
    return this.#kept.isHeld;
  }

  get length() {
    return fs.statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
  }

  read() {
    return fs.promises.readFile(this.path);
  }

  readNow() {
    return fs.readFileSync(this.path);
  }

  stream() {
    return fs.createReadStream(this.path);
  }

  writeTo(path) {
    if (this.isHeld) this.#kept.placeAt(path);
    else if (path !== this.path) fs.copyFileSync(this.path, path, fs.constants.COPYFILE_FICLONE);
  }

  moveTo(path) {
    if (this.#kept instanceof KeptFile) {
      // Its event may be delivered again, and then tells the same place.
      this.writeTo(path);
    } else {
      moveFile(this.path, path);
      this.#kept = { path, isHeld: false };
    }
  }
}

module.exports = { Blob };
