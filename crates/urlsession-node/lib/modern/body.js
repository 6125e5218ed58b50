// What the modern face can send, and how it takes header fields.
'use strict';

const path = require('node:path');
const { location } = require('./checks.js');
const { fileURLToPath } = require('node:url');
const { isAnyArrayBuffer } = require('node:util/types');

/** Returns `{ file }` of a path or file URL, `{ data }` of bytes. */
function uploadBody(source) {
  if (location.test(source)) return { file: pathOf(source) };
  const data = bytesOf(source);
  if (data) return { data };
  throw new TypeError('The source of an upload must be a path, a file URL or bytes');
}

/** Returns the bytes and their media type: text and bytes as they are, forms as HTML has them, everything else as JSON. */
function dataBody(source) {
  if (typeof source === 'string') return { data: Buffer.from(source), contentType: 'text/plain;charset=UTF-8' };
  const data = bytesOf(source);
  if (data) return { data, contentType: 'application/octet-stream' };
  if (source instanceof URLSearchParams) {
    return { data: Buffer.from(String(source)), contentType: 'application/x-www-form-urlencoded;charset=UTF-8' };
  }
  const text = isHolder(source) ? undefined : JSON.stringify(source);
  if (text === undefined) {
    throw new TypeError(
      'The body must be text, bytes, URLSearchParams or a value that has a JSON form: ' +
        'read a Blob, FormData or a stream into bytes, or upload a file',
    );
  }
  return { data: Buffer.from(text), contentType: 'application/json' };
}

/** Says whether JSON would leave out what a value holds, as of a Blob, FormData, a Map, a stream or a promise. */
function isHolder(source) {
  if (typeof source !== 'object' || source === null || Array.isArray(source)) return false;
  const ways = [Symbol.iterator, Symbol.asyncIterator, 'arrayBuffer', 'pipe', 'getReader', 'then'];
  return typeof source.toJSON !== 'function' && ways.some((way) => typeof source[way] === 'function');
}

/** Takes what `fetch` takes: an object, a list of pairs or `Headers`. */
function headerFields(headers) {
  if (headers === undefined) return [];
  const pairs = typeof headers[Symbol.iterator] === 'function' ? [...headers] : Object.entries(headers);
  return pairs.map(([name, value]) => ({ name, value: String(value) }));
}

/** Takes a proxy's header fields as those of requests. */
function proxyFields(proxy) {
  return proxy && { ...proxy, headers: headerFields(proxy.headers) };
}

/** Returns the absolute path of a path or file URL. */
function pathOf(file) {
  if (file === undefined) return undefined;
  return file instanceof URL ? fileURLToPath(file) : path.resolve(file);
}

function bytesOf(source) {
  if (ArrayBuffer.isView(source)) return Buffer.from(source.buffer, source.byteOffset, source.byteLength);
  return isAnyArrayBuffer(source) ? Buffer.from(source) : undefined;
}

module.exports = { dataBody, headerFields, pathOf, proxyFields, uploadBody };
