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

/**
 * Returns the list of fields that an app means with `given`, having been shown `told` by `webHeaders`.
 *
 * What is as it was shown goes back as it was told: the web's form of it is another one. What was not shown goes back if
 * the app gives what it was shown itself.
 */
function fieldsMeant(given, told, isShownItself) {
  const shown = [...webHeaders(told)].map(([name, value]) => ({ name, value }));
  const isChanged = ({ name }) => joined(given, name) !== joined(shown, name);
  const isGiven = ({ name }) => joined(given, name) !== undefined;
  const kept = told.filter((field) => !isChanged(field) && (isGiven(field) || isShownItself));
  return [...kept, ...given.filter(isChanged)];
}

/** Returns all values of a field as `Headers` have them, `undefined` if there is none. */
function joined(fields, name) {
  const values = fields.filter((field) => field.name.toLowerCase() === name.toLowerCase()).map(({ value }) => value);
  return values.length === 0 ? undefined : values.join(', ');
}

/** Returns the text as `fetch` tells what it cannot read: a character for each of its bytes. */
function bytesOf(text) {
  return Buffer.from(text, 'utf8').toString('latin1');
}

module.exports = { fieldsMeant, webHeaders };
