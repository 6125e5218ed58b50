// Header fields in the form that the web has for them.
'use strict';

/** What values of the web’s `Headers` may consist of. */
const ONE_BYTE_EACH = /^[\0-\xff]*$/;

/** Makes `Headers` of a list of fields. */
function webHeaders(fields) {
  const headers = new Headers();
  for (const { name, value } of fields) {
    try {
      headers.append(name, ONE_BYTE_EACH.test(value) ? value : bytesOf(value));
    } catch {
      // A field that the web has no form for is left out here; `Ti` and the events still tell it.
    }
  }
  return headers;
}

/** Returns the text as `fetch` tells what it cannot read: a character for each of its bytes. */
function bytesOf(text) {
  return Buffer.from(text, 'utf8').toString('latin1');
}

module.exports = { webHeaders };
