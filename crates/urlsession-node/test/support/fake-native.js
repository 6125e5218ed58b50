// The addon's interface in memory: a daemon that does what the test says.
'use strict';

const { after } = require('node:test');

class FakeNative {
  static sessions = [];
  /** What sessions list that are created from now on. */
  static left = [];
  calls = [];
  acknowledged = [];
  listing = FakeNative.left;
  #next = 1;
  #number = 1;
  #told = [];

  constructor(options, onEvents) {
    this.options = options;
    this.onEvents = onEvents;
    FakeNative.sessions.push(this);
  }

  static removeTemporaryFiles() {}

  static get last() {
    return FakeNative.sessions.at(-1);
  }

  createTask(task) {
    if (!/^https?:/.test(task.url)) {
      const told = { code: -1002, codeName: 'UnsupportedURL', message: 'unsupported URL', detail: 'the scheme' };
      throw new Error(JSON.stringify(told));
    }
    this.calls.push(['createTask', task]);
    const number = this.#next;
    this.#next += 1;
    return number;
  }

  resume(task) { this.calls.push(['resume', task]); }
  suspend(task) { this.calls.push(['suspend', task]); }
  cancel(task) { this.calls.push(['cancel', task]); }
  close() { this.calls.push(['close']); }
  finishTasksAndInvalidate() { this.calls.push(['finishTasksAndInvalidate']); }
  invalidateAndCancel() { this.calls.push(['invalidateAndCancel']); }
  async cancelByProducingResumeData() { return 'resume data'; }
  async tasks() { return this.listing; }
  async status(task) { return this.listing.find(({ taskIdentifier }) => taskIdentifier === task); }
  async synced() {}
  stateFolder() { return this.state ?? null; }
  async reset() {}
  async flush() {}

  acknowledge(numbers) {
    this.acknowledged.push(...numbers);
  }

  /** Tells an event; kept ones get the next number, which is returned. */
  tell(name, taskIdentifier, fields = {}) {
    const isKept = ['didReceiveData', 'didFinishDownloading', 'didComplete'].includes(name);
    const eventNumber = isKept ? this.#number : undefined;
    if (isKept) this.#number += 1;
    this.#told.push({ name, taskIdentifier, eventNumber, ...fields });
    this.onEvents();
    return eventNumber;
  }

  takeEvents() {
    const told = this.#told.splice(0);
    if (told.length === 0) return null;
    const events = told.map(({ response, ...event }) => ({ ...event, statusCode: response?.statusCode }));
    const responses = told.map(({ response }) => response && JSON.stringify(response));
    return { events: JSON.stringify(events), responses, metrics: told.map(() => null) };
  }
}

// A session that has gone holds no process: without this a test's process would wait for its tasks.
after(() => FakeNative.sessions.forEach((session) => session.tell('didBecomeInvalid')));

module.exports = { FakeNative };
