// Ti.App.Properties: named values of one application, kept in a file that is replaced whole at every change.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { threadId } = require('node:worker_threads');
const { check } = require('./arguments.js');
const { Emitter } = require('./emitter.js');

class Properties extends Emitter {
  #folder;
  #values;
  #version;

  /** Reads and writes `properties.json` in the folder, which is made at the first change. */
  constructor(folder) {
    super();
    this.#folder = folder;
  }

  hasProperty(name) {
    return Object.hasOwn(this.#load(), name);
  }

  listProperties() {
    return Object.keys(this.#load());
  }

  removeProperty(name) {
    this.#set(name, null);
  }

  removeAllProperties() {
    const names = this.listProperties();
    if (names.length === 0) return;
    this.#save({});
    names.forEach((property) => this.fireEvent('change', { property }));
  }

  /** Reads `name`, `whenMissing` where there is none or where it is of another kind. */
  read(name, isKind, whenMissing) {
    check(name, 'String');
    const value = this.hasProperty(name) ? this.#load()[name] : undefined;
    // A copy: what the app does with it must not change what is kept.
    return value !== undefined && isKind(value) ? structuredClone(value) : whenMissing;
  }

  /** Keeps a value; `null` removes it. */
  write(name, value, isKind, kind, converted = (given) => given) {
    check(name, 'String');
    const isThere = value !== null && value !== undefined;
    if (isThere && !isKind(value)) check(value, kind);
    this.#set(name, isThere ? converted(value) : null);
  }

  #set(name, value) {
    const values = { ...this.#load() };
    if (value === null) delete values[name];
    else values[name] = value;
    this.#save(values);
    this.fireEvent('change', { property: name });
  }

  // Another process of the app may have changed them meanwhile.
  #load() {
    const version = this.#stamp();
    if (this.#values === undefined || version !== this.#version) {
      this.#version = version;
      this.#values = JSON.parse(this.#text());
    }
    return this.#values;
  }

  #stamp() {
    try {
      const { ino, mtimeNs } = fs.statSync(this.#file(), { bigint: true });
      return `${ino} ${mtimeNs}`;
    } catch {
      return 'none'; // Reading it says why.
    }
  }

  #text() {
    try {
      return fs.readFileSync(this.#file(), 'utf8');
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
      return '{}';
    }
  }

  #save(values) {
    const aside = `${this.#file()}.${process.pid}.${threadId}`;
    const text = JSON.stringify(values);
    try {
      fs.mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      writeSynced(aside, text);
      fs.renameSync(aside, this.#file());
    } catch (cause) {
      const advice = 'make the folder writable, or set URLSESSION_HOME to one that is';
      throw new Error(`Ti.App.Properties cannot be kept in ${this.#folder}: ${advice}`, { cause });
    }
  }

  #file() {
    return path.join(this.#folder, 'properties.json');
  }
}

// A name that is durable before its contents would be an empty file after a power loss.
function writeSynced(file, text) {
  const descriptor = fs.openSync(file, 'w', 0o600);
  try {
    fs.writeFileSync(descriptor, text);
    fs.fsyncSync(descriptor);
  } catch (error) {
    fs.rmSync(file);
    throw error;
  } finally {
    fs.closeSync(descriptor);
  }
}

// What a property is read as, what the bridge takes for it, and what it makes of that: numbers and truths are one to it.
const kinds = {
  String: [(value) => typeof value === 'string', 'String'],
  Int: [Number.isInteger, 'Number', Math.trunc],
  Double: [(value) => typeof value === 'number', 'Number', Number],
  Bool: [(value) => typeof value === 'boolean', 'Number', Boolean],
  List: [Array.isArray, Array],
  Object: [(value) => typeof value === 'object', 'Object'],
};

for (const [kind, [isKind, name, converted]] of Object.entries(kinds)) {
  Properties.prototype[`get${kind}`] = function get(property, whenMissing = null) {
    return this.read(property, isKind, whenMissing);
  };
  Properties.prototype[`set${kind}`] = function set(property, value) {
    this.write(property, value, isKind, name, converted);
  };
}

module.exports = { Properties };
