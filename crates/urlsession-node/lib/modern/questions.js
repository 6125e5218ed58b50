// What a waiting task asks its app, put to the app's handler once and answered with what that returns.
'use strict';

const { headerFields } = require('./body.js');

class Questions {
  #attachment;
  #onDelayedRequest;
  #open = new Set();

  constructor(attachment, { onDelayedRequest }) {
    this.#attachment = attachment;
    this.#onDelayedRequest = onDelayedRequest;
  }

  /** Says whether there is a handler for it. */
  wants(event) {
    return event.name === 'willBeginDelayedRequest' && this.#onDelayedRequest !== undefined;
  }

  receive(event) {
    // A daemon that was started again asks again; whoever has the question need not hear that.
    const key = event.taskIdentifier;
    if (!this.wants(event) || this.#open.has(key)) return undefined;
    this.#open.add(key);
    return this.#answer(event).finally(() => this.#open.delete(key));
  }

  async #answer({ taskIdentifier, error }) {
    const disposition = await this.#onDelayedRequest({ taskIdentifier, error });
    if (disposition === undefined) return;
    if (disposition === 'cancel') {
      this.#attachment.cancel(taskIdentifier);
    } else {
      const edit = disposition === 'continueLoading' ? {} : disposition;
      await this.#attachment.edit(taskIdentifier, editOptions(edit));
    }
  }
}

/** Makes what the addon takes of `{ url, headers, credential }`. */
function editOptions(edit) {
  if (typeof edit !== 'object' || edit === null) throw new TypeError('An edit must be an object');
  const { url, headers, credential } = edit;
  return { url: url === undefined ? undefined : String(url), headers: headerFields(headers), credential };
}

module.exports = { editOptions, Questions };
