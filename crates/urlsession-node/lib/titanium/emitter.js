// Listeners as Titanium has them: added, removed and fired by name; one that fails does not stop the others.
'use strict';

const { check } = require('./arguments.js');

class Emitter {
  #listeners = new Map();
  #watchers = new Set();

  addEventListener(name, listener) {
    check(name, 'String');
    check(listener, 'Function');
    this.#listeners.set(name, [...this.#of(name), listener]);
    this.#watchers.forEach((watcher) => watcher(name));
  }

  removeEventListener(name, listener) {
    check(name, 'String');
    const listeners = this.#of(name);
    const at = listeners.indexOf(listener);
    if (at >= 0) this.#listeners.set(name, [...listeners.slice(0, at), ...listeners.slice(at + 1)]);
  }

  /** Calls the listeners; a failure becomes an uncaught exception of a turn of its own, as with Node's EventTarget. */
  fireEvent(name, event = {}) {
    check(name, 'String');
    for (const outcome of Emitter.dispatch(this, name, event)) {
      outcome?.catch((error) => process.nextTick(() => { throw error; }));
    }
  }

  // An event names its source; printed as JSON it must not print all of it.
  toJSON() {
    return {};
  }

  #of(name) {
    return this.#listeners.get(name) ?? [];
  }

  /** Says whether one of the names has a listener. */
  static listens(emitter, names) {
    return names.some((name) => emitter.#of(name).length > 0);
  }

  /** Calls `watcher(name)` whenever a listener was added, until the returned function is called. */
  static watch(emitter, watcher) {
    emitter.#watchers.add(watcher);
    return () => emitter.#watchers.delete(watcher);
  }

  /** Calls the listeners of a name in order; returns a promise for each that failed or goes on, else `undefined`. */
  static dispatch(emitter, name, event) {
    const listeners = emitter.#of(name);
    if (listeners.length === 0) return [];
    const complete = { ...event, type: name, source: emitter, bubbles: false, cancelBubble: false };
    return listeners.map((listener) => call(listener, emitter, complete));
  }
}

function call(listener, emitter, event) {
  try {
    const made = listener.call(emitter, event);
    return typeof made?.then === 'function' ? Promise.resolve(made) : undefined;
  } catch (error) {
    return Promise.reject(error);
  }
}

module.exports = { Emitter };
