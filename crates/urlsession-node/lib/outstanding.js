// The tasks whose end this process has not seen yet: while there are any, it stays alive.
'use strict';

class Outstanding {
  #lifeline;
  #tasks = new Set();
  #ended = new Set();
  #isListing = false;
  #letGo;

  constructor(lifeline) {
    this.#lifeline = lifeline;
  }

  /** Learns of the tasks that earlier processes left; those that end meanwhile are not taken for unfinished. */
  async list(tasks) {
    this.#isListing = true;
    this.#update();
    try {
      for (const task of await tasks()) {
        if (!this.#ended.has(task.taskIdentifier)) this.#tasks.add(task.taskIdentifier);
      }
    } catch {
      // Without the list the process waits for the tasks it created itself.
    }
    this.#isListing = false;
    this.#ended.clear();
    this.#update();
  }

  add(task) {
    this.#tasks.add(task);
    this.#update();
  }

  remove(task) {
    this.#tasks.delete(task);
    if (this.#isListing) this.#ended.add(task);
    this.#update();
  }

  clear() {
    this.#tasks.clear();
    this.#update();
  }

  #update() {
    if (this.#isListing || this.#tasks.size > 0) {
      this.#letGo ??= this.#lifeline.hold();
    } else {
      this.#letGo?.();
      this.#letGo = undefined;
    }
  }
}

module.exports = { Outstanding };
