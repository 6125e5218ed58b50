// Holds the process alive while there is a reason to, as the handles of Node do.
'use strict';

// The longest delay a timer takes; it fires every 24 days and does nothing.
const FOREVER = 2 ** 31 - 1;

class Lifeline {
  #timer;
  #reasons = 0;
  #allowed = true;

  /** Takes one reason to stay alive; the returned function gives it back. */
  hold() {
    this.#reasons += 1;
    this.#update();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#reasons -= 1;
      this.#update();
    };
  }

  ref() {
    this.#allowed = true;
    this.#update();
  }

  unref() {
    this.#allowed = false;
    this.#update();
  }

  get isHeld() {
    return this.#timer !== undefined;
  }

  #update() {
    if (this.#allowed && this.#reasons > 0) {
      this.#timer ??= setInterval(() => {}, FOREVER);
    } else {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}

module.exports = { Lifeline };
