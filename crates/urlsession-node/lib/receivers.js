// Who wants the events of a session: some want those of one task, found without asking all the others.
'use strict';

class Receivers {
  #general = new Set();
  #ofTasks = new Map();

  /** Adds `{ receive(event), wants?(event), taskIdentifier? }`; returns the function that removes it. */
  add(receiver) {
    const { taskIdentifier } = receiver;
    const set = taskIdentifier === undefined ? this.#general : this.#ofTasks.get(taskIdentifier) ?? new Set();
    set.add(receiver);
    if (taskIdentifier !== undefined) this.#ofTasks.set(taskIdentifier, set);
    return () => {
      set.delete(receiver);
      if (set.size === 0 && this.#ofTasks.get(taskIdentifier) === set) this.#ofTasks.delete(taskIdentifier);
    };
  }

  /** Returns those that want the event. The end of the session concerns everyone. */
  wanting(event) {
    const ofTasks = event.name === 'didBecomeInvalid'
      ? [...this.#ofTasks.values()].flatMap((set) => [...set])
      : this.#ofTasks.get(event.taskIdentifier) ?? [];
    return [...ofTasks, ...[...this.#general].filter((receiver) => receiver.wants(event))];
  }
}

module.exports = { Receivers };
