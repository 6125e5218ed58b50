// The tasks whose end this process has not seen yet: while there are any, it stays alive. Those that had ended before it
// count as long as somebody takes such ends: what nobody takes keeps the ends behind it from coming.
'use strict';

class Outstanding {
  #lifeline;
  #tasks = new Set();
  #left = new Set();
  #isUnwanted = false;
  #ended = new Set();
  #isListing = false;
  #letGo;

  constructor(lifeline) {
    this.#lifeline = lifeline;
  }

  /**
   * Learns of the tasks that earlier processes left; those that end meanwhile are not taken for unfinished.
   * `isFollowed` says of a task whether somebody waits for its end.
   */
  async list(tasks, isFollowed) {
    this.#isListing = true;
    this.#update();
    try {
      for (const { taskIdentifier, state } of await tasks()) {
        if (this.#ended.has(taskIdentifier)) continue;
        const isOver = state === 'completed' && !isFollowed(taskIdentifier);
        (isOver ? this.#left : this.#tasks).add(taskIdentifier);
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

  /** Notes that somebody waits for the end of a task. */
  follow(task) {
    if (this.#left.delete(task)) this.add(task);
  }

  /** Notes that nobody takes the ends of tasks, or that somebody may again. */
  setUnwanted(isUnwanted) {
    this.#isUnwanted = isUnwanted;
    this.#update();
  }

  remove(task) {
    this.#tasks.delete(task);
    this.#left.delete(task);
    if (this.#isListing) this.#ended.add(task);
    this.#update();
  }

  clear() {
    this.#tasks.clear();
    this.#left.clear();
    this.#update();
  }

  #update() {
    const awaitsLeft = this.#left.size > 0 && !this.#isUnwanted;
    if (this.#isListing || this.#tasks.size > 0 || awaitsLeft) {
      this.#letGo ??= this.#lifeline.hold();
    } else {
      this.#letGo?.();
      this.#letGo = undefined;
    }
  }
}

module.exports = { Outstanding };
