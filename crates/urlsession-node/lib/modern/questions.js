// What a waiting task asks its app, put to the app's handler once and answered with what that returns.
'use strict';

const { headerFields } = require('./body.js');
const { addressText, checked } = require('./checks.js');
const { CERTIFICATE, CREDENTIAL, EDIT, NEW_REQUEST } = require('./fields.js');
const { fieldsMeant, webHeaders } = require('./headers.js');

// The code of what has no other, such as a task or a session that there is not any more.
const UNKNOWN = -1;

const DISPOSITIONS = ['performDefaultHandling', 'cancelAuthenticationChallenge', 'rejectProtectionSpace', 'useServerTrust'];

class Questions {
  #attachment;
  #handlers;
  #open = new Map();

  constructor(attachment, handlers) {
    this.#attachment = attachment;
    this.#handlers = byEvent(handlers);
  }

  /** Puts handlers in the place of those there are. */
  replace(handlers) {
    const given = Object.entries(byEvent(handlers)).filter(([, handler]) => handler !== undefined);
    Object.assign(this.#handlers, Object.fromEntries(given));
  }

  /** Says whether there is a handler for it. */
  wants(event) {
    return this.#handlers[event.name] !== undefined;
  }

  receive(event) {
    if (!this.wants(event)) return undefined;
    const key = `${event.taskIdentifier} ${(event.challenge ?? event.redirection)?.question}`;
    const open = this.#open.get(key);
    if (open) {
      // A daemon that was started again asks again; whoever has the question need not hear that. What
      // comes when the answer is on its way may be the next one: its task may have been refused anew.
      if (open.isAnswered) open.next = event;
      return undefined;
    }
    return this.#settle(event, key);
  }

  async #settle(event, key) {
    const open = {};
    this.#open.set(key, open);
    try {
      for (let question = event; question; question = open.next) {
        open.isAnswered = false;
        open.next = undefined;
        await this.#answer(question, open);
      }
    } finally {
      this.#open.delete(key);
    }
  }

  async #answer({ name, taskIdentifier, error, challenge, redirection }, open) {
    const handler = this.#handlers[name];
    const tell = (answer) => {
      open.isAnswered = true;
      return this.#tell(taskIdentifier, answer);
    };
    if (redirection) {
      const shown = shownRedirection(redirection);
      const { headers } = shown.newRequest;
      const request = await handler({ ...shown, taskIdentifier });
      const answer = redirectAnswer(request, (given) => (
        fieldsMeant(headerFields(given), redirection.newRequest.headers, given === headers)
      ));
      await tell(() => this.#attachment.redirect(taskIdentifier, redirection.question, answer));
      return;
    }
    if (challenge) {
      const serverTrust = challenge.serverTrust?.map((text) => Buffer.from(text, 'base64'));
      const answer = await handler({ ...challenge, serverTrust, taskIdentifier });
      if (answer === undefined) return;
      const options = answerOptions(answer);
      await tell(() => this.#attachment.answer(taskIdentifier, challenge, options));
      return;
    }
    const disposition = await handler({ taskIdentifier, error });
    if (disposition === undefined) return;
    if (disposition === 'cancel') {
      await tell(() => this.#attachment.cancel(taskIdentifier));
    } else {
      const edit = editOptions(disposition === 'continueLoading' ? {} : disposition);
      await tell(() => this.#attachment.edit(taskIdentifier, edit));
    }
  }

  // A task that has ended while its handler was thinking wants no answer any more: that is nobody's failure.
  async #tell(taskIdentifier, answer) {
    try {
      await answer();
    } catch (error) {
      if (!await this.#hasEnded(taskIdentifier)) throw error;
    }
  }

  async #hasEnded(taskIdentifier) {
    try {
      const { state } = await this.#attachment.status(taskIdentifier);
      return state === 'canceling' || state === 'completed';
    } catch ({ code }) {
      return code === UNKNOWN;
    }
  }
}

/** What a session is asked, once however many objects stand for it: those of a task with a handler of its own are not among it. */
class SessionQuestions extends Questions {
  static #known = new WeakMap();

  #answering = new Set();

  /** Returns those of the session; the handlers that were given last count. */
  static of(attachment, handlers) {
    const known = SessionQuestions.#known.get(attachment);
    if (known) {
      known.replace(handlers);
      attachment.offerAgain();
      return known;
    }
    const made = new SessionQuestions(attachment, handlers);
    SessionQuestions.#known.set(attachment, made);
    attachment.subscribe(made);
    return made;
  }

  wants(event) {
    const answersItself = event.name === 'willBeginDelayedRequest' && this.#answering.has(event.taskIdentifier);
    return super.wants(event) && !answersItself;
  }

  /** Leaves delayed requests to a task until it has ended. */
  leaveTo({ taskIdentifier, finished }) {
    this.#answering.add(taskIdentifier);
    const forget = () => this.#answering.delete(taskIdentifier);
    finished.then(forget, forget);
  }
}

function byEvent({ onDelayedRequest, onChallenge, onRedirection }) {
  return {
    willBeginDelayedRequest: onDelayedRequest,
    didReceiveChallenge: onChallenge,
    willPerformHTTPRedirection: onRedirection,
  };
}

/** Returns a redirect with header fields as the web has them. */
function shownRedirection({ response, newRequest, until }) {
  return {
    response: { ...response, headers: webHeaders(response.headers) },
    newRequest: { ...newRequest, headers: webHeaders(newRequest.headers) },
    until: new Date(until),
  };
}

/** Makes what the addon takes of a request, of `null` for the redirect as it is, or of nothing for what was proposed. */
function redirectAnswer(request, fieldsOf) {
  if (request === undefined) return { disposition: 'follow' };
  if (request === null) return { disposition: 'refuse' };
  const { url, method = 'GET', headers } = checked(request, NEW_REQUEST, { of: ' of a request' });
  return { disposition: 'useRequest', request: { url: addressText(url), method, headers: fieldsOf(headers) } };
}

/** Makes what the addon takes of `{ url, headers, credential }`. */
function editOptions(edit) {
  const { url, headers, credential } = checked(edit, EDIT, { of: ' of an edit' });
  return { url: url === undefined ? undefined : addressText(url), headers: headerFields(headers), credential };
}

/** Makes what the addon takes of a credential, a certificate of ours or the name of another disposition. */
function answerOptions(answer) {
  if (DISPOSITIONS.includes(answer)) return { disposition: answer };
  if (typeof answer !== 'object' || answer === null) {
    throw new TypeError(`An answer must be a credential, a client certificate or one of ${DISPOSITIONS.join(', ')}`);
  }
  const of = ' of an answer';
  if (answer.clientCertificate !== undefined) {
    return { ...checked(answer, CERTIFICATE, { of }), disposition: 'useClientCertificate' };
  }
  return { disposition: 'useCredential', credential: checked(answer, CREDENTIAL, { of }) };
}

module.exports = { answerOptions, editOptions, Questions, SessionQuestions };
