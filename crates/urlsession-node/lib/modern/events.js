// Async iteration over a session's events, each acknowledged when the loop asks for the next.
'use strict';

const { PASSING } = require('../attachment.js');
const { metricsOf, responseOf } = require('../told.js');
const { onAbort } = require('./aborts.js');
const checks = require('./checks.js');

const OPTIONS = checks.object(new Map([['signal', checks.signal]]));

/**
 * Iterates until the session is gone, the signal aborts, or the process has nothing left to wait for.
 *
 * A loop that is left early has not handled its last event: the next process gets that again, unless
 * `event.acknowledge()` was called. What it had not taken, the next loop of the session begins with.
 */
function events(attachment, options) {
  const { signal } = checks.checked(options, OPTIONS, { of: ' of a loop' });
  const leave = (untaken, taken) => attachment.leave(untaken.filter(({ event }) => !PASSING.has(event.name)), taken);
  const queue = new EventQueue(attachment.takeLeft(), (item) => leave([item], []));
  const unsubscribe = attachment.subscribe(queue);
  const finish = () => {
    unsubscribe();
    unfollow?.();
    running.delete(finish);
    const { untaken, taken } = queue.end();
    leave(untaken, taken ? [taken] : []);
  };
  const unfollow = signal && onAbort(signal, finish);
  running.add(finish);
  if (signal?.aborted) finish();

  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const item = await queue.next();
      if (item?.event.name === 'didBecomeInvalid') finish();
      return item ? { done: false, value: shown(item) } : { done: true, value: undefined };
    },
    async return() {
      finish();
      return { done: true, value: undefined };
    },
  };
}

const running = new Set();
process.on('beforeExit', () => running.forEach((finish) => finish()));

/** Events between their arrival and the loop; of progress, one per task. */
class EventQueue {
  #items;
  #leave;
  #wake = () => {};
  #isOver = false;
  #taken;
  #turn = Promise.resolve();

  /** `leave(item)` takes what comes when the loop is over. */
  constructor(items, leave) {
    this.#items = items;
    this.#leave = leave;
  }

  wants() {
    return !this.#isOver;
  }

  receive(event) {
    const isKept = event.numbers.length > 0;
    const same = isKept ? undefined : this.#items.find((item) => isSameProgress(item.event, event));
    if (same) {
      same.event = merged(same.event, event);
      return undefined;
    }
    return new Promise((resolve) => {
      const item = { event, isAcknowledged: !isKept };
      item.acknowledge = () => {
        item.isAcknowledged = true;
        resolve();
      };
      if (!isKept) resolve();
      // Who was given the event before may have ended the loop at that.
      if (this.#isOver) this.#leave(item);
      else this.#items.push(item);
      this.#wake();
    });
  }

  /** Asked again before it has answered, it answers in order, as generators do. */
  next() {
    this.#turn = this.#turn.then(() => this.#take());
    return this.#turn;
  }

  async #take() {
    this.#taken?.acknowledge();
    this.#taken = undefined;
    while (this.#items.length === 0 && !this.#isOver) {
      await new Promise((resolve) => { this.#wake = resolve; });
    }
    this.#taken = this.#isOver ? undefined : this.#items.shift();
    return this.#taken;
  }

  /** Ends the loop; returns what it has not taken, and what it took last. */
  end() {
    this.#isOver = true;
    this.#wake();
    return { untaken: this.#items.splice(0), taken: this.#taken };
  }
}

function isSameProgress(one, other) {
  return one.numbers.length === 0 && one.name === other.name && one.taskIdentifier === other.taskIdentifier;
}

function merged(before, after) {
  const sum = (key) => (after[key] === undefined ? {} : { [key]: before[key] + after[key] });
  return { ...after, ...sum('bytesWritten'), ...sum('bytesSent') };
}

function shown({ event, acknowledge }) {
  const { numbers, release, file, bodyPath, bodyError, eventNumber, statusCode, responseText, metricsText, ...rest } = event;
  if (responseText) rest.response = responseOf(event);
  if (metricsText) rest.metrics = metricsOf(event);
  return { ...rest, acknowledge };
}

module.exports = { events };
