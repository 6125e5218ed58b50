// Header fields in the form that the web has for them.
'use strict';

/** Makes `Headers` of a list of fields. */
function webHeaders(fields) {
  const headers = new Headers();
  for (const { name, value } of fields) {
    try {
      headers.append(name, value);
    } catch {
      // A field that the web has no form for is left out here; `Ti` and the events still tell it.
    }
  }
  return headers;
}

module.exports = { webHeaders };
