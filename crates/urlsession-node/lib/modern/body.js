// What the modern face can send, and how it takes header fields.
'use strict';

const path = require('node:path');
const { fileURLToPath } = require('node:url');

/** Returns `{ file }` or `{ data, contentType }`. A string is a path to upload, or the text of a data task. */
function bodyOf(source, isData = false) {
  if (source instanceof URL) return { file: fileURLToPath(source) };
  if (typeof source === 'string') {
    return isData
      ? { data: Buffer.from(source), contentType: 'text/plain;charset=UTF-8' }
      : { file: path.resolve(source) };
  }
  if (ArrayBuffer.isView(source)) {
    return { data: Buffer.from(source.buffer, source.byteOffset, source.byteLength) };
  }
  if (source instanceof ArrayBuffer) return { data: Buffer.from(source) };
  const text = isData ? JSON.stringify(source) : undefined;
  if (text !== undefined) return { data: Buffer.from(text), contentType: 'application/json' };
  const kinds = isData ? 'a string, bytes or a value that has a JSON form' : 'a path, a file URL or bytes';
  throw new TypeError(`The body must be ${kinds}`);
}

/** Takes what `fetch` takes: an object, a list of pairs or `Headers`. */
function headerFields(headers = {}) {
  const pairs = typeof headers[Symbol.iterator] === 'function' ? [...headers] : Object.entries(headers);
  return pairs.map(([name, value]) => ({ name, value: String(value) }));
}

/** Returns the absolute path of a path or file URL. */
function pathOf(file) {
  if (file === undefined) return undefined;
  return file instanceof URL ? fileURLToPath(file) : path.resolve(file);
}

module.exports = { bodyOf, headerFields, pathOf };
