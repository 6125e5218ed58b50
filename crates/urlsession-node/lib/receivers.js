// Who wants the events of a session: some want those of one task, found without asking all the others.
'use strict';

class Receivers {
  #general = [];
  #ofTasks = new Map();

  /**
   * Adds `{ receive(event), wants?(event), taskIdentifier? }`; returns the function that removes it. Who follows a task wants
   * all of it, unless they say so.
   */
  add(receiver) {
    const { taskIdentifier } = receiver;
    if (taskIdentifier === undefined) {
      this.#general = [...this.#general, receiver];
      return () => { this.#general = without(this.#general, receiver); };
    }
    const others = this.#ofTasks.get(taskIdentifier);
    this.#ofTasks.set(taskIdentifier, others ? [...others, receiver] : [receiver]);
    return () => {
      const left = without(this.#ofTasks.get(taskIdentifier) ?? [], receiver);
      if (left.length > 0) this.#ofTasks.set(taskIdentifier, left);
      else this.#ofTasks.delete(taskIdentifier);
    };
  }

  /** Says whether somebody follows the task. */
  follows(taskIdentifier) {
    return this.#ofTasks.has(taskIdentifier);
  }

  /** Returns those that want the event. The end of the session concerns everyone. */
  wanting(event) {
    const ofTask = event.name === 'didBecomeInvalid'
      ? [...this.#ofTasks.values()].flat()
      : (this.#ofTasks.get(event.taskIdentifier) ?? NOBODY).filter((receiver) => receiver.wants?.(event) ?? true);
    const others = this.#general.filter((receiver) => receiver.wants(event));
    return others.length === 0 ? ofTask : [...ofTask, ...others];
  }
}

function without(receivers, one) {
  return receivers.length === 1 && receivers[0] === one ? NOBODY : receivers.filter((receiver) => receiver !== one);
}

const NOBODY = [];

module.exports = { Receivers };
