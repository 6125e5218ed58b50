// A session of the modern face: each transfer is a promise, everything that happens can be iterated over.
'use strict';

const { Attachment } = require('../attachment.js');
const { sessionOptions } = require('../options.js');
const { knownOptions } = require('./configuration.js');
const { address, addressText } = require('./checks.js');
const { dataBody, headerFields, proxyFields, uploadBody } = require('./body.js');
const { Credentials } = require('./credentials.js');
const { destinationOf } = require('./destination.js');
const { events } = require('./events.js');
const { answerOptions, editOptions, SessionQuestions } = require('./questions.js');
const { Cookies, KnownHosts } = require('./remembered.js');
const { Task } = require('./task.js');
const { checkedTaskOptions } = require('./task-options.js');

/** Apple's kinds of sessions that end with their process. */
const IN_PROCESS = ['default', 'ephemeral'];
/** What a session without a cache has, which by default has one. */
const NO_CACHE = { memoryCapacity: 0, diskCapacity: 0 };

class Session {
  #attachment;
  #identifier;

  /** The cookies of the application, or the session's own. */
  cookies;
  /** The hosts that are asked over https only: the application's, or the session's own. */
  knownHosts;
  /** The credentials that are kept for the application. */
  credentials;

  #questions;

  /**
   * Attaches a background session, starting the daemon if none runs; waits for it, at most 30 s.
   *
   * Of one that this process has already it is another object. What that was created with stays: other values are refused.
   */
  constructor(options) {
    this.#identifier = identifierOf(options ?? {});
    const known = knownOptions(options);
    const { onDelayedRequest, onChallenge, onRedirection, ...rest } = known;
    rest.answersChallenges ??= onChallenge !== undefined;
    rest.answersRedirections = onRedirection !== undefined;
    const headers = headerFields(rest.headers);
    const connectionProxy = proxyFields(rest.connectionProxy);
    if (this.#identifier === undefined && options.urlCache === null) rest.urlCache = NO_CACHE;
    const wanted = sessionOptions({ ...rest, headers, connectionProxy });
    this.#attachment = Attachment.attach(wanted);
    refuseOthers(this.#attachment, wanted, known);
    this.cookies = new Cookies(this.#attachment);
    this.knownHosts = new KnownHosts(this.#attachment);
    this.credentials = new Credentials(this.#attachment);
    this.#questions = SessionQuestions.of(this.#attachment, { onDelayedRequest, onChallenge, onRedirection });
  }

  get identifier() {
    return this.#identifier;
  }

  // Asynchronous also where a task cannot be created: whatever goes wrong is a rejection, which is unhandled if nobody waits.

  /** Downloads to a file; resolves with `{ path, length, response, metrics }` once that is whole and in place. */
  async download(url, options = {}) {
    return this.downloadTask(url, options).finished;
  }

  /** Uploads a file or bytes; resolves with `{ response, body, text(), json(), metrics }`. */
  async upload(url, source, options = {}) {
    return this.uploadTask(url, source, options).finished;
  }

  /** Makes a request whose answer is kept, up to 8 MiB; resolves as `upload` does. */
  async data(url, options = {}) {
    return this.dataTask(url, options).finished;
  }

  downloadTask(url, given = {}) {
    const { destination, ...options } = checkedTaskOptions('download', given);
    return this.#start({ kind: 'download', url, destination: destinationOf(destination, url, options) }, options);
  }

  uploadTask(url, source, given = {}) {
    const { method = 'POST', ...options } = checkedTaskOptions('upload', given);
    return this.#start({ kind: 'upload', url, method, ...uploadBody(source) }, options);
  }

  dataTask(url, given = {}) {
    const { body: source, method = source === undefined ? 'GET' : 'POST', ...options } = checkedTaskOptions('data', given);
    const { contentType, ...body } = source === undefined ? {} : dataBody(source);
    return this.#start({ kind: 'data', url, method, ...body }, options, contentType);
  }

  /** Returns the task of that number, such as one that an earlier process created. */
  task(taskIdentifier) {
    return new Task(this.#attachment, numberOf(taskIdentifier), { mayBeGone: true });
  }

  /** Replaces parts of the request of a task, given by its number or itself. */
  async edit(task, edit) {
    await this.#attachment.edit(numberOf(task), editOptions(edit));
  }

  /** Answers the question that a task waits with, with a credential or a disposition. */
  async answer(task, challenge, answer) {
    if (typeof challenge !== 'object' || challenge === null) throw new TypeError('The challenge must be the one that was told');
    const { serverTrust: _, ...asked } = challenge;
    await this.#attachment.answer(numberOf(task), asked, answerOptions(answer));
  }

  /** Lists the unfinished tasks. */
  async tasks() {
    const tasks = await this.#attachment.tasks();
    return tasks.filter((task) => task.state !== 'completed');
  }

  /** Iterates over everything that happens; asking for the next event acknowledges the one before. */
  events(options = {}) {
    return events(this.#attachment, options);
  }

  /** Resolves once everything asked for so far is durable: it survives power loss too. */
  async synced() {
    await this.#attachment.synced();
  }

  async reset() {
    await this.#attachment.reset();
  }

  async flush() {
    await this.#attachment.flush();
  }

  /** Refuses new tasks; resolves when the unfinished ones have ended and the session is gone. */
  async finishTasksAndInvalidate() {
    await this.#attachment.finishTasksAndInvalidate();
  }

  /** Cancels every task; resolves when the session is gone. */
  async invalidateAndCancel() {
    await this.#attachment.invalidateAndCancel();
  }

  ref() {
    this.#attachment.ref();
    return this;
  }

  unref() {
    this.#attachment.unref();
    return this;
  }

  #start(task, { signal, onProgress, onDelayedRequest, ...options }, contentType) {
    signal?.throwIfAborted();
    const number = this.#attachment.createTask(taskOptions(task, options), contentType);
    const created = new Task(this.#attachment, number, { signal, onProgress, onDelayedRequest, kept: task.destination });
    if (onDelayedRequest) this.#questions.leaveTo(created);
    return created;
  }
}

function identifierOf({ configuration = 'background', identifier, launchCommand }) {
  if (configuration === 'background') {
    if (typeof identifier !== 'string' || identifier === '') {
      throw new TypeError('The option `identifier` must be a string that is not empty');
    }
    return identifier;
  }
  if (!IN_PROCESS.includes(configuration)) {
    throw new TypeError("The option `configuration` must be 'background', 'default' or 'ephemeral'");
  }
  const others = { identifier, launchCommand };
  const wrong = Object.keys(others).find((name) => others[name] !== undefined && others[name] !== null);
  if (wrong) throw new TypeError(`The option \`${wrong}\` is for background sessions: others end with their process`);
  return undefined;
}

function refuseOthers(attachment, wanted, known) {
  const names = attachment.differences(wanted, Object.keys(known));
  // A handler would never be called where the daemon has not been told that there is one.
  if (known.onChallenge && !attachment.options.answersChallenges) names.push('onChallenge');
  if (names.length === 0) return;
  const listed = names.map((name) => `\`${name}\``).join(', ');
  throw new Error(
    `The session “${wanted.identifier}” exists already in this process, created with other values of ${listed}: `
      + 'leave them out, or invalidate it first',
  );
}

function numberOf(task) {
  const number = task?.taskIdentifier ?? task;
  if (!Number.isSafeInteger(number) || number < 0) throw new TypeError('A task is given by its number or itself');
  return number;
}

function urlText(url) {
  if (!address.test(url)) throw new TypeError(`The URL must be ${address.words}`);
  return addressText(url);
}

function taskOptions(task, { headers, suspended = false, earliestBeginDate, mainDocumentUrl, ...options }) {
  return {
    ...options,
    ...task,
    url: urlText(task.url),
    headers: headerFields(headers),
    connectionProxy: proxyFields(options.connectionProxy),
    mainDocumentUrl: mainDocumentUrl && addressText(mainDocumentUrl),
    earliestBeginDate: earliestBeginDate === undefined ? undefined : Number(earliestBeginDate),
    resume: !suspended,
  };
}

module.exports = { Session };
