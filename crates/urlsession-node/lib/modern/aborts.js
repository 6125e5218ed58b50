// Who follows which signal: a signal has one listener of ours, however many tasks it cancels, as Node warns of more than ten.
'use strict';

const { setMaxListeners } = require('node:events');

const followed = new WeakMap();

/** Calls `action` when the signal aborts, until the returned function is called. */
function onAbort(signal, action) {
  const following = followed.get(signal) ?? new Following(signal);
  return following.add(action);
}

class Following {
  #signal;
  #actions = new EventTarget();
  #count = 0;
  #tell = () => this.#actions.dispatchEvent(new Event('abort'));

  constructor(signal) {
    this.#signal = signal;
    setMaxListeners(0, this.#actions);
    followed.set(signal, this);
  }

  add(action) {
    // A wrapper of its own: the same function may be there twice.
    const listener = () => action();
    if (this.#count === 0) this.#signal.addEventListener('abort', this.#tell);
    this.#count += 1;
    this.#actions.addEventListener('abort', listener);
    let isThere = true;
    return () => {
      if (!isThere) return;
      isThere = false;
      this.#actions.removeEventListener('abort', listener);
      this.#count -= 1;
      // A signal that somebody listens to may be kept for as long as it could abort.
      if (this.#count === 0) this.#signal.removeEventListener('abort', this.#tell);
    };
  }
}

module.exports = { onAbort };
