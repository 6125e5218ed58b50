// When a kept event counts as handled: its receivers are done, and so are those of the earlier events of its task.
'use strict';

class Acknowledgements {
  #acknowledge;
  #handling = new Map();
  // What is not acknowledged yet, or will never be: it failed, or waits for what is never done.
  #open = new Set();
  #isWaiting = true;
  #gathered;

  /** `acknowledge` takes the numbers of events. */
  constructor(acknowledge) {
    this.#acknowledge = acknowledge;
  }

  /** Tells what is handled during the action together, even where the action ends the process. */
  together(action) {
    const tell = () => {
      const numbers = this.#gathered ?? [];
      this.#gathered = undefined;
      if (numbers.length > 0) this.#acknowledge(numbers);
    };
    this.#gathered = [];
    process.once('exit', tell);
    try {
      action();
    } finally {
      process.off('exit', tell);
      tell();
    }
  }

  /**
   * Acknowledges the event when every promise has an outcome, and none is a rejection.
   *
   * A rejection is thrown in a turn of its own, where Node treats it as any uncaught exception; the rest of the task
   * then stays unacknowledged as well, so that the next process sees its events in order and complete.
   */
  whenDone(event, promises) {
    promises.forEach((promise) => promise.catch(throwLater));
    if (event.numbers.length === 0) return;
    this.#open.add(event);
    if (!this.#isWaiting) {
      this.#letGo(event);
      return;
    }
    const task = event.taskIdentifier;
    const earlier = this.#handling.get(task);
    if (earlier === undefined && promises.length === 0) {
      if (!this.#handled(event)) this.#handling.set(task, Promise.resolve(false));
    } else {
      this.#handling.set(task, this.#inOrder(event, earlier, promises));
    }
    if (event.name === 'didComplete') this.#handling.get(task)?.then(() => this.#handling.delete(task));
  }

  /** Acknowledges all that was handed out, and from now on everything at once. */
  waitNoMore() {
    this.#isWaiting = false;
    this.#open.forEach((event) => this.#letGo(event));
  }

  async #inOrder(event, earlier, promises) {
    const outcomes = await Promise.allSettled(promises);
    const isDone = outcomes.every(({ status }) => status === 'fulfilled');
    return (await (earlier ?? true)) && isDone && this.#handled(event);
  }

  #letGo(event) {
    // A file that cannot be kept for whoever holds it cannot keep the session, either.
    if (!this.#handled(event)) this.#tell(event);
  }

  #handled(event) {
    try {
      // A file that was given to someone outlives the daemon's own name of it.
      event.release?.();
      this.#tell(event);
      return true;
    } catch (error) {
      throwLater(error);
      return false;
    }
  }

  #tell(event) {
    if (!this.#open.delete(event)) return;
    if (this.#gathered) this.#gathered.push(...event.numbers);
    else this.#acknowledge(event.numbers);
  }
}

function throwLater(error) {
  process.nextTick(() => {
    throw error;
  });
}

module.exports = { Acknowledgements };
