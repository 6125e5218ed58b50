// Argument checks with the outcomes of Titanium's bridge: what it throws, and how it calls a type.
'use strict';

const { namesFolder } = require('../modern/destination.js');

/** Throws unless the value is of the type that `expected` names. */
function check(value, expected) {
  if (!matches(value, expected)) throw invalidType(expected, typeName(value));
}

/** Like `check`, but lets `undefined` and `null` pass. */
function checkOptional(value, expected) {
  if (value === undefined || value === null || matches(value, expected)) return;
  throw invalidType(expected, typeName(value), ' or nil');
}

/** Throws unless the value can be the number of a task: made a whole one, it would be that of another task. */
function checkTask(value) {
  check(value, 'Number');
  if (!Number.isSafeInteger(value)) throw invalidType('Integer', typeName(value));
}

/** Throws unless the value names a file, if there is one: a path, a file URL or a File. */
function checkPlace(value) {
  if (typeof value?.nativePath === 'string') return;
  if (!(value instanceof URL)) checkOptional(value, 'String');
  if (value === undefined || value === null || !namesFolder(String(value))) return;
  throw bridgeError('Invalid type passed to function', 'expected: path of a file, was: path of a folder');
}

/** Throws unless the value is a moment, if there is one: a valid Date or milliseconds since 1970. */
function checkMoment(value) {
  if (value === undefined || value === null || (typeof value !== 'symbol' && Number.isFinite(Number(value)))) return;
  throw invalidType(Date, value instanceof Date ? 'Invalid Date' : typeName(value), ' or nil');
}

/** Throws unless the value is an object whose values are all strings. */
function checkHeaders(value, isOptional = false) {
  if (isOptional && (value === undefined || value === null)) return;
  check(value, 'Object');
  Object.values(value).forEach((field) => check(field, 'String'));
}

/** Throws when a function got fewer arguments than it needs. */
function checkCount(received, needed) {
  if (received >= needed) return;
  throw bridgeError(
    'Invalid number of arguments to function',
    `expected ${needed} arguments, received: ${received}`,
  );
}

function matches(value, expected) {
  switch (expected) {
    case 'String':
    case 'Function':
      return typeof value === expected.toLowerCase();
    case 'Number':
      return typeof value === 'number' || typeof value === 'boolean';
    case 'Object':
      return isDictionary(value);
    default:
      return value instanceof expected;
  }
}

function isDictionary(value) {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  // Objects of another realm (`vm`) have another Object.prototype, which has no prototype either.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function invalidType(expected, was, alternative = '') {
  const name = typeof expected === 'function' ? expected.name : expected;
  return bridgeError('Invalid type passed to function', `expected: ${name}${alternative}, was: ${was}`);
}

function typeName(value) {
  if (value === undefined) return '(null)';
  if (value === null) return 'NSNull';
  if (typeof value === 'string') return 'String';
  if (typeof value === 'function') return 'Function';
  if (typeof value === 'symbol') return 'Symbol';
  if (typeof value !== 'object') return 'Number';
  if (Array.isArray(value)) return 'Array';
  return isDictionary(value) ? 'Object' : (value.constructor?.name ?? 'Object');
}

function bridgeError(message, subreason) {
  // Titanium's own errors carry the detail as `nativeReason`; its documentation calls it the subreason.
  return Object.assign(new Error(message), { subreason, nativeReason: subreason });
}

module.exports = { check, checkCount, checkHeaders, checkMoment, checkOptional, checkPlace, checkTask, isDictionary };
