// Ti.Buffer: bytes in memory that can grow, indexed like an array.
'use strict';

const { check } = require('./arguments.js');

class TiBuffer {
  #bytes;

  constructor({ length = 0, value, type = 'utf8' } = {}) {
    this.#bytes = value === undefined ? Buffer.alloc(length) : encode(value, type);
    return new Proxy(this, byIndex);
  }

  get length() {
    return this.#bytes.length;
  }

  set length(length) {
    check(length, 'Number');
    const resized = Buffer.alloc(length);
    this.#bytes.copy(resized);
    this.#bytes = resized;
  }

  append(source, offset = 0, length = source.length - offset) {
    this.#bytes = Buffer.concat([this.#bytes, source.toBuffer().subarray(offset, offset + length)]);
    return length;
  }

  insert(source, at, offset = 0, length = source.length - offset) {
    const piece = source.toBuffer().subarray(offset, offset + length);
    this.#bytes = Buffer.concat([this.#bytes.subarray(0, at), piece, this.#bytes.subarray(at)]);
    return length;
  }

  copy(source, at = 0, offset = 0, length = source.length - offset) {
    return source.toBuffer().copy(this.#bytes, at, offset, offset + length);
  }

  clone(offset = 0, length = this.length - offset) {
    const clone = new TiBuffer({ length });
    this.#bytes.copy(clone.toBuffer(), 0, offset, offset + length);
    return clone;
  }

  fill(byte, offset = 0, length = this.length - offset) {
    this.#bytes.fill(byte, offset, offset + length);
  }

  clear() {
    this.#bytes.fill(0);
  }

  release() {
    this.#bytes = Buffer.alloc(0);
  }

  toString() {
    return this.#bytes.toString('utf8');
  }

  toBlob() {
    const { Blob } = require('./blob.js');
    return Blob.ofBytes(Buffer.from(this.#bytes));
  }

  /** The bytes as Node has them, shared with this object until its length changes. */
  toBuffer() {
    return this.#bytes;
  }

  toJSON() {
    return { length: this.length };
  }
}

// Private fields exist on the target only, so every method and accessor runs on it.
const byIndex = {
  get(target, key) {
    if (isIndex(key)) return target.toBuffer()[key];
    const value = Reflect.get(target, key, target);
    return typeof value === 'function' && key !== 'constructor' ? value.bind(target) : value;
  },
  set(target, key, value) {
    if (isIndex(key)) target.toBuffer()[key] = value;
    else Reflect.set(target, key, value, target);
    return true;
  },
};

function isIndex(key) {
  return typeof key === 'string' && /^\d+$/.test(key);
}

function encode(value, type) {
  if (typeof value === 'number') return Buffer.from([value]);
  return Buffer.from(String(value), encodings[String(type).toLowerCase()] ?? 'utf8');
}

const encodings = { ascii: 'ascii', 'iso-latin-1': 'latin1', utf8: 'utf8', utf16: 'utf16le', utf16le: 'utf16le' };

/** Ti.createBuffer. */
function createBuffer(options) {
  return new TiBuffer(options);
}

module.exports = { TiBuffer, createBuffer };
