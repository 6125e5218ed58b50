// This process's hold on one session: hands each event to whoever wants it, and acknowledges it when they are done.
//
//   daemon ──> queue ──> receivers that want it ──> all have returned ──> acknowledged
//                │                                   └─ one threw ──> not acknowledged by this process,
//                └─ nobody wants it ──> parked          nor is what follows of the same task
'use strict';

const { readFile } = require('node:fs/promises');
const { isDeepStrictEqual } = require('node:util');
const { Acknowledgements } = require('./acknowledgements.js');
const { URLSessionError } = require('./error.js');
const { KeptFile } = require('./kept-file.js');
const { Lifeline } = require('./lifeline.js');
const { Outstanding } = require('./outstanding.js');
const { native } = require('./native.js');
const { isDaemons, stateFolder } = require('./paths.js');
const { Receivers } = require('./receivers.js');
const { callAtExit } = require('./temporary.js');

const FOLDER = 'The state folder must be writable and have room; URLSESSION_HOME moves it.';
const ADVICE = {
  [-996]: 'Another process has this session, or another thread: it must end or invalidate it first.',
  [-997]: `The executable \`urlsession\` must be installed; URLSESSION_DAEMON names it. ${FOLDER}`,
  [-3000]: FOLDER,
  [-3003]: FOLDER,
};

// Events that mean nothing once they are late.
const PASSING = new Set(['didWriteData', 'didSendBodyData', 'didResumeAtOffset', 'didChangeState']);

// Events that wait for an answer, not for the events before them: until then the last one counts.
const QUESTIONS = new Set(['willBeginDelayedRequest', 'didReceiveChallenge', 'willPerformHTTPRedirection']);

const live = new Map();

class Attachment {
  #native;
  #key;
  #lifeline = new Lifeline();
  #outstanding = new Outstanding(this.#lifeline);
  #acknowledgements = new Acknowledgements((numbers) => this.#native.acknowledge(numbers));
  #receivers = new Receivers();
  #queue = [];
  #parked = new Map();
  // What loops left behind: not taken, for the next loop, and taken but not acknowledged, for the next process.
  #untaken = [];
  #unhandled = [];
  #bodies = new Map();
  // Where a daemon that does not say it keeps files: a simulation that begins later has another place.
  #state = stateFolder();
  // Whether the app chose where the file of a download goes, of a session that lives here.
  #chosen = new Map();
  #isPumping = false;
  #invalidation;
  #isCancelled = false;
  // The end of the session, which nothing follows.
  #end;
  #leaving = [];

  /** Returns this process's hold on the session, attaching first where there is none; one that lives here is new. */
  static attach(options) {
    if (options.identifier === undefined) return new Attachment(options);
    const key = `${options.applicationId}\0${options.identifier}`;
    const existing = live.get(key);
    if (existing) return existing;
    const attachment = new Attachment(options, key);
    live.set(key, attachment);
    return attachment;
  }

  constructor(options, key) {
    this.#key = key;
    this.options = Object.freeze({ ...options });
    const { NativeSession } = native();
    this.#native = guarded(() => new NativeSession(options, () => this.#take()));
    if (this.livesHere) callAtExit(NativeSession.removeTemporaryFiles);
    this.#outstanding.list(() => this.#native.tasks(), (task) => this.#receivers.follows(task));
  }

  /** Says whether the session ends with this process, so that there is no later one that could be told anything. */
  get livesHere() {
    return this.#key === undefined;
  }

  /** Returns which of the named options the session was created with other values of. */
  differences(wanted, names) {
    return names.filter((name) => !isDeepStrictEqual(compared(name, this.options), compared(name, wanted)));
  }

  /**
   * Creates a task and returns its number; by then its line is in the daemon's socket. `contentType` is what its body is,
   * unless the app says that of the task or of the session.
   */
  createTask(task, contentType) {
    const isTyped = [...task.headers, ...this.options.headers].some(({ name }) => name.toLowerCase() === 'content-type');
    const typed = contentType === undefined || isTyped ? [] : [{ name: 'Content-Type', value: contentType }];
    const number = guarded(() => this.#native.createTask({ ...task, headers: [...task.headers, ...typed] }));
    // The files of a session that lives here are where the system has temporary ones, and all its tasks are created here.
    if (this.livesHere && task.kind === 'download') this.#chosen.set(number, task.destination !== undefined);
    this.#outstanding.add(number);
    return number;
  }

  resume(task) {
    if (!this.#isInvalidated()) guarded(() => this.#native.resume(task));
  }

  suspend(task) {
    if (!this.#isInvalidated()) guarded(() => this.#native.suspend(task));
  }

  cancel(task) {
    if (!this.#isInvalidated()) guarded(() => this.#native.cancel(task));
  }

  /** Replaces parts of a task's request; resolves when that is durable. */
  edit(task, edit) {
    return this.#ask(() => this.#native.edit(task, edit));
  }

  /** Answers the question that a task waits with; resolves when that is durable. */
  answer(task, challenge, answer) {
    return this.#ask(() => this.#native.answer(task, challenge, answer));
  }

  /** Says where a task goes on from the redirect that it asks about. */
  redirect(task, question, answer) {
    return this.#ask(() => this.#native.redirect(task, question, answer));
  }

  credentials() {
    return this.#ask(() => this.#native.credentials());
  }

  setCredential(url, realm, credential) {
    return this.#ask(() => this.#native.setCredential(url, realm, credential));
  }

  removeCredentials(url, realm) {
    return this.#ask(() => this.#native.removeCredentials(url, realm));
  }

  cookies(domain) {
    return this.#ask(() => this.#native.cookies(domain));
  }

  setCookies(cookies) {
    return this.#ask(() => this.#native.setCookies(cookies));
  }

  clearCookies(domain) {
    return this.#ask(() => this.#native.clearCookies(domain));
  }

  knownHosts() {
    return this.#ask(() => this.#native.knownHosts());
  }

  addKnownHosts(hosts) {
    return this.#ask(() => this.#native.addKnownHosts(hosts));
  }

  clearKnownHosts(host) {
    return this.#ask(() => this.#native.clearKnownHosts(host));
  }

  cancelByProducingResumeData(task) {
    return this.#ask(() => this.#native.cancelByProducingResumeData(task));
  }

  tasks() {
    return this.#ask(() => this.#native.tasks());
  }

  /** Tells how a task is; rejects if there is none of that number, or none any more. */
  status(task) {
    return this.#ask(() => this.#native.status(task));
  }

  synced() {
    return this.#ask(() => this.#native.synced());
  }

  reset() {
    return this.#ask(() => this.#native.reset());
  }

  flush() {
    return this.#ask(() => this.#native.flush());
  }

  /** Refuses new tasks; the promise resolves when the session is gone. */
  finishTasksAndInvalidate() {
    if (this.#isInvalidated()) return Promise.resolve(this.#end);
    guarded(() => this.#native.finishTasksAndInvalidate());
    return this.#invalidated();
  }

  /** Cancels every task; the promise resolves when the session is gone. */
  invalidateAndCancel() {
    if (this.#isInvalidated()) return Promise.resolve(this.#end);
    guarded(() => this.#native.invalidateAndCancel());
    this.#isCancelled = true;
    // Nobody can want these any more, and who waits for the end with one in hand would wait for itself.
    this.offerAgain();
    this.#acknowledgements.waitNoMore();
    this.#settleLeft();
    return this.#invalidated();
  }

  /**
   * Adds a receiver, as `Receivers` does; it is offered what nobody has wanted so far.
   * `receive` may return a promise or several: the event is acknowledged when they have resolved.
   */
  subscribe(receiver) {
    const unsubscribe = this.#receivers.add(receiver);
    this.#outstanding.follow(receiver.taskIdentifier);
    if (this.#end) queueMicrotask(() => receiver.receive(this.#end));
    else this.offerAgain();
    return unsubscribe;
  }

  /** Offers the parked events again, in the next turn: a receiver wants more than before. */
  offerAgain() {
    if (this.#parked.size === 0) return;
    this.#outstanding.setUnwanted(false);
    const letGo = this.#lifeline.hold();
    setImmediate(() => {
      this.#queue.unshift(...[...this.#parked.values()].flat());
      this.#parked.clear();
      this.#pump();
      letGo();
    });
  }

  /** Keeps what a loop that ends leaves behind: `{ event, isAcknowledged, acknowledge() }`. */
  leave(untaken, unhandled) {
    this.#untaken.push(...untaken);
    this.#unhandled = [...this.#unhandled, ...unhandled].filter(({ isAcknowledged }) => !isAcknowledged);
    this.#settleLeft();
  }

  /** Hands over what the loops before had not taken. */
  takeLeft() {
    return this.#untaken.splice(0);
  }

  /** Calls `action` when the session is gone. */
  onLeave(action) {
    this.#leaving.push(action);
  }

  ref() {
    this.#lifeline.ref();
  }

  unref() {
    this.#lifeline.unref();
  }

  // What is acknowledged while a batch is delivered is told together.
  #take() {
    const batch = this.#native.takeEvents();
    if (!batch) return;
    this.#acknowledgements.together(() => {
      const { responses, metrics } = batch;
      JSON.parse(batch.events).forEach((event, index) => this.#takeOne(event, responses[index], metrics[index]));
      this.#pump();
    });
  }

  #takeOne(event, response, metrics) {
    event.numbers = event.eventNumber === undefined ? [] : [event.eventNumber];
    if (event.error) event.error = new URLSessionError(event.error);
    event.responseText = response;
    event.metricsText = metrics;
    if (event.name === 'didReceiveData') {
      this.#bodies.set(event.taskIdentifier, event);
      return;
    }
    if (event.name === 'didFinishDownloading') {
      const state = this.#native.stateFolder() ?? this.#state;
      const isChosen = this.#chosen.get(event.taskIdentifier) ?? !isDaemons(event.path, state);
      event.file = new KeptFile(event.path, event.length, isChosen);
    }
    if (event.name === 'didComplete') {
      this.#chosen.delete(event.taskIdentifier);
      this.#joinBody(event);
    }
    this.#queue.push(event);
  }

  // A response body is told right before the end of its task; receivers get both at once.
  #joinBody(event) {
    const body = this.#bodies.get(event.taskIdentifier);
    if (!body) return;
    this.#bodies.delete(event.taskIdentifier);
    event.bodyPath = body.path;
    event.numbers.unshift(...body.numbers);
  }

  async #pump() {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#queue.length > 0) {
      // Only a body to be read makes an event wait; others are delivered in this very turn.
      const wait = this.#deliver(this.#queue.shift());
      if (wait) await wait;
    }
    this.#isPumping = false;
  }

  #deliver(event) {
    // Behind a parked event of its task an event waits as well, whoever wants it; one of the session's own does not.
    const inOrder = event.taskIdentifier === undefined || !this.#parked.has(event.taskIdentifier);
    const wanting = inOrder ? this.#receivers.wanting(event) : [];
    if (event.bodyPath !== undefined && event.body === undefined && wanting.length > 0) {
      // Meanwhile a loop may have been left, and others may have come.
      return readBody(event).then(() => this.#hand(event, this.#receivers.wanting(event)));
    }
    this.#hand(event, wanting);
    return undefined;
  }

  #hand(event, wanting) {
    if (wanting.length > 0 || this.#isCancelled) {
      this.#acknowledgements.whenDone(event, wanting.flatMap((receiver) => outcomes(receiver, event)));
    } else if (QUESTIONS.has(event.name)) {
      this.#parked.set(questionOf(event), [event]);
    } else if (!PASSING.has(event.name)) {
      const parked = this.#parked.get(event.taskIdentifier) ?? [];
      this.#parked.set(event.taskIdentifier, [...parked, event]);
      if (event.name === 'didComplete') this.#outstanding.setUnwanted(true);
      this.#settleLeft();
    }
    if (event.name === 'didComplete') {
      this.#parked.delete(questionOf(event));
      this.#outstanding.remove(event.taskIdentifier);
    }
    if (event.name === 'didBecomeInvalid') this.#leave(event);
  }

  // Its tasks have ended then, and what is asked of one that has ended or of a session that is gone is done already.
  #isInvalidated() {
    return this.#end !== undefined && this.#end.error === undefined;
  }

  #invalidated() {
    this.#invalidation ??= deferred();
    this.#invalidation.letGo?.();
    this.#invalidation.letGo = this.#lifeline.hold();
    this.#settleLeft();
    return this.#invalidation.promise;
  }

  // Of a session that was cancelled nobody can want what was left; another outlives it, and this process need not wait.
  #settleLeft() {
    if (this.#isCancelled) {
      this.#handleLeft();
      return;
    }
    // One that lives here outlives nothing: what no loop takes in this very turn would keep it from its end for ever.
    if (this.livesHere && this.#invalidation) setImmediate(() => this.#handleLeft());
    const isOwed = ({ isAcknowledged }) => !isAcknowledged;
    if (this.#parked.size > 0 || this.#untaken.some(isOwed) || this.#unhandled.some(isOwed)) this.#invalidation?.letGo();
  }

  #handleLeft() {
    [...this.#untaken.splice(0), ...this.#unhandled.splice(0)].forEach((item) => item.acknowledge());
  }

  #leave(event) {
    this.#end = event;
    live.delete(this.#key);
    this.#native.close();
    this.#outstanding.clear();
    this.#invalidation?.letGo();
    this.#invalidation?.resolve(event);
    this.#leaving.splice(0).forEach((action) => action());
  }

  async #ask(call) {
    const letGo = this.#lifeline.hold();
    try {
      return await call();
    } catch (error) {
      throw explained(URLSessionError.from(error));
    } finally {
      letGo();
    }
  }
}

// Where a program starts, and with which variables, follows from when it was named.
function compared(name, { [name]: value }) {
  return name === 'launchCommand' && value ? [value.program, ...value.arguments] : value;
}

function questionOf({ taskIdentifier }) {
  return `question of ${taskIdentifier}`;
}

// Apple's sentence alone says little of a call: what is wrong with it follows, and what a user can do about that.
function explained(error) {
  if (!(error instanceof URLSessionError)) return error;
  if (error.cause) error.message += `: ${error.cause.message}`;
  const advice = ADVICE[error.code];
  if (advice) error.message += `. ${advice}`;
  return error;
}

async function readBody(event) {
  try {
    event.body = await readFile(event.bodyPath);
  } catch (error) {
    event.body = Buffer.alloc(0);
    event.bodyError = error;
  }
}

function deferred() {
  let resolve;
  const promise = new Promise((settle) => { resolve = settle; });
  return { promise, resolve };
}

// Of a receiver with several listeners each has its own, so that each failure is told.
function outcomes(receiver, event) {
  try {
    const made = [receiver.receive(event)].flat();
    return made.filter((one) => typeof one?.then === 'function').map((promise) => Promise.resolve(promise));
  } catch (error) {
    return [Promise.reject(error)];
  }
}

function guarded(call) {
  try {
    return call();
  } catch (error) {
    throw explained(URLSessionError.from(error));
  }
}

module.exports = { Attachment, PASSING, QUESTIONS };
