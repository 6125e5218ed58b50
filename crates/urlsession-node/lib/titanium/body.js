// What can be sent: the kinds of `data` that upload and data tasks take, as a file or as bytes.
'use strict';

const { isAnyArrayBuffer } = require('node:util/types');
const { API } = require('./api.js');
const { Blob } = require('./blob.js');
const { TiBuffer } = require('./buffer.js');
const { File } = require('./file.js');
const { pathOf } = require('./location.js');

/** Returns `{ file }` or `{ data }`, `undefined` for what cannot be uploaded. */
function uploadBody(data) {
  if (typeof data === 'string' || data instanceof URL) return { file: pathOf(data) };
  if (data instanceof File) return { file: data.nativePath };
  if (data instanceof Blob) return blobBody(data);
  const bytes = bytesOf(data);
  return bytes && { data: bytes };
}

/** Returns the body and its media type: text and bytes as they are, everything else as JSON. */
function dataBody(data) {
  if (data === undefined || data === null) return {};
  if (typeof data === 'string') return { data: Buffer.from(data), contentType: 'text/plain;charset=UTF-8' };
  if (data instanceof Blob) return { ...blobBody(data), contentType: data.mimeType };
  if (data instanceof File) return { file: data.nativePath, contentType: 'application/octet-stream' };
  const bytes = bytesOf(data);
  if (bytes) return { data: bytes, contentType: 'application/octet-stream' };
  return json(data);
}

function blobBody(blob) {
  if (blob.nativePath === null) return { data: blob.bytes() };
  // The file of a held blob goes with the blob, and the task may outlive both.
  return { file: blob.nativePath, snapshot: blob.isHeld };
}

function bytesOf(data) {
  if (data instanceof TiBuffer) return data.toBuffer();
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return isAnyArrayBuffer(data) ? Buffer.from(data) : undefined;
}

function json(data) {
  try {
    const text = JSON.stringify(data);
    if (text !== undefined) return { data: Buffer.from(text), contentType: 'application/json' };
    API.debug('Ti.URLSession: dataTask: `data` has no JSON form; sent without a body');
  } catch (error) {
    API.debug(`Ti.URLSession: dataTask: ${error.message}; sent without a body`);
  }
  return {};
}

module.exports = { dataBody, uploadBody };
