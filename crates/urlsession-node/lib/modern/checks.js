// What an option may be: every value is checked by name before the addon sees it, so that none is misread or ignored.
'use strict';

/** A kind of value: the test it must pass, and what it must be in words. */
const kind = (words, test) => ({ words, test });

const isNumber = (value) => typeof value === 'number' && !Number.isNaN(value);
const isText = (value) => typeof value === 'string';
const isURL = (value) => value instanceof URL || isText(value?.href);

const text = kind('a string', isText);
const flag = kind('true or false', (value) => typeof value === 'boolean');
const handler = kind('a function', (value) => typeof value === 'function');
const milliseconds = kind('a number of milliseconds, 1 or more', (value) => isNumber(value) && value >= 1);
const size = kind('a whole number of bytes', (value) => value >= 0 && (Number.isInteger(value) || value === Infinity));
const rate = kind('a number of bytes per second, 1 or more', (value) => isNumber(value) && value >= 1);
const share = kind('a number from 0 to 1', (value) => isNumber(value) && value >= 0 && value <= 1);
const date = kind('a valid Date or milliseconds since 1970', (value) => (
  (value instanceof Date || typeof value === 'number') && Number.isFinite(Number(value))
));
const location = kind('a path or a file URL', (value) => value instanceof URL ? value.protocol === 'file:' : isText(value) && value !== '');
const address = kind('a string or a URL', (value) => isText(value) || isURL(value));
const numberOrText = kind('a number or a string', (value) => typeof value === 'number' || isText(value));
const anything = kind('anything', () => true);
const texts = kind('a list of strings', (value) => Array.isArray(value) && value.every(isText));
const signal = kind('an AbortSignal', (value) => (
  typeof value?.aborted === 'boolean' && typeof value.addEventListener === 'function'
));
const fields = kind('an object, a list of pairs or Headers', (value) => (
  typeof value === 'object' && (!Array.isArray(value) || value.every((pair) => Array.isArray(pair) && pair.length === 2))
));

/** Returns the text of what is an address; URLs of other realms and libraries have it as well. */
const addressText = (value) => value?.href ?? String(value);

/** A whole number between two others, both included. */
function count(least, most = 2 ** 32 - 1) {
  const words = most < 2 ** 32 - 1 ? `a whole number from ${least} to ${most}` : `a whole number, ${least} or more`;
  return kind(words, (value) => Number.isInteger(value) && value >= least && value <= most);
}

/** HTTP statuses from one number to another. */
function statuses(least, most) {
  const { test } = count(least, most);
  return kind(`a list of HTTP statuses from ${least} to ${most}`, (value) => Array.isArray(value) && value.every(test));
}

/** An object whose fields have kinds of their own; some of them must be there. */
const object = (table, required = []) => ({ words: 'an object', table, required });

/** A list of such objects. */
const objects = (items) => ({ words: 'a list of objects', items });

/** An option that there is not, with the reason. */
const refused = (why) => ({ why });

/**
 * Returns the fields that are there; throws a TypeError that names the one that is unknown or cannot be what it is.
 * `name` is that of the object, if it has one, and `of` says whose options these are.
 */
function checked(values, { table, required = [] }, { name, of = '' } = {}) {
  if (typeof values !== 'object' || values === null || Array.isArray(values) || isURL(values)) {
    throw new TypeError(`The ${name ? `option \`${name}\`` : `options${of}`} must be an object`);
  }
  const path = (field) => (name ? `${name}.${field}` : field);
  const known = {};
  for (const [field, value] of Object.entries(values)) {
    const expected = table.get(field);
    if (!expected) throw new TypeError(unknown(field, table, path, of));
    if (value !== undefined && value !== null) known[field] = checkedValue(value, expected, path(field));
  }
  const missing = required.find((field) => known[field] === undefined);
  if (missing !== undefined) throw new TypeError(`The option \`${path(missing)}\` is missing`);
  return known;
}

function checkedValue(value, expected, name) {
  if (expected.why) throw new TypeError(`The option \`${name}\` ${expected.why}`);
  if (expected.table) return checked(value, expected, { name });
  if (expected.items && Array.isArray(value)) {
    return value.map((item, at) => checked(item, expected.items, { name: `${name}[${at}]` }));
  }
  // What it is stays untold: it may be a password at the wrong place.
  if (!expected.test?.(value)) throw new TypeError(`The option \`${name}\` must be ${expected.words}`);
  return value;
}

/** Says that there is no such option, and which one may be meant. */
function unknown(field, table, path = String, of = '') {
  const near = [...table.keys()].map((name) => [distance(field.toLowerCase(), name.toLowerCase()), name]);
  const [steps, name] = near.reduce((best, next) => (next[0] < best[0] ? next : best));
  const hint = steps <= Math.max(1, field.length / 4) ? `; is \`${path(name)}\` meant?` : '';
  return `There is no option \`${path(field)}\`${of}${hint}`;
}

/** Counts the letters to add, drop or replace between two words. */
function distance(one, other) {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const replaced = row[j - 1] + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row.at(-1);
}

module.exports = {
  address, addressText, anything, checked, checkedValue, count, date, fields, flag, handler, location, milliseconds,
  numberOrText, object, objects, rate, refused, share, signal, size, statuses, text, texts, unknown,
};
