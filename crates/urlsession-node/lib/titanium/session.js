// A session as Titanium knows it: tasks are numbers, and what happens to them is fired on it and on Ti.App.iOS.
'use strict';

const { Attachment } = require('../attachment.js');
const { proxyFields } = require('../modern/body.js');
const { checkedValue } = require('../modern/checks.js');
const { answerOptions } = require('../modern/questions.js');
const { TASKS } = require('../modern/task-options.js');
const { sessionOptions } = require('../options.js');
const { API } = require('./api.js');
const { check, checkHeaders, checkMoment, checkOptional, checkPlace, checkTask } = require('./arguments.js');
const { dataBody, uploadBody } = require('./body.js');
const { SessionConfiguration } = require('./configuration.js');
const { Emitter } = require('./emitter.js');
const { SESSION_EVENTS, translate, translateMetrics } = require('./events.js');
const { pathOf } = require('./location.js');
const { titanium } = require('./current.js');

const sessions = new WeakMap();

class Session extends Emitter {
  #attachment;
  #configuration;

  /** Returns the session of that identifier, the existing one where this process has it already. */
  static open(configuration) {
    const others = SessionConfiguration.others(configuration);
    const options = sessionOptions({
      ...others,
      connectionProxy: proxyFields(others.connectionProxy),
      identifier: configuration.identifier,
      headers: headerFields(configuration.HTTPHeaderFields),
    });
    const attachment = Attachment.attach(options);
    const existing = sessions.get(attachment);
    const names = ['headers', ...Object.keys(others)];
    warnOfDifferences(options.identifier, attachment.differences(options, names));
    if (existing) return existing;
    const session = new Session(attachment, configuration);
    sessions.set(attachment, session);
    return session;
  }

  constructor(attachment, configuration) {
    super();
    this.#attachment = attachment;
    this.#configuration = SessionConfiguration.copy(configuration);
    const { iOS } = titanium().App;
    attachment.subscribe(new Receiver(this, iOS));
    const offerAgain = (name) => SESSION_EVENTS.includes(name) && attachment.offerAgain();
    Emitter.watch(this, offerAgain);
    if (iOS instanceof Emitter) attachment.onLeave(Emitter.watch(iOS, offerAgain));
  }

  get identifier() {
    return this.#configuration.identifier;
  }

  get HTTPHeaderFields() {
    return this.#configuration.HTTPHeaderFields;
  }

  /** A copy, as Apple returns one: editing it changes nothing. */
  get configuration() {
    return SessionConfiguration.copy(this.#configuration);
  }

  downloadTask(options) {
    check(options, 'Object');
    const { url, method = 'GET', requestHeaders, destination } = options;
    if (isUnusable(String(url ?? ''), 'downloadTask')) return undefined;
    check(method, 'String');
    checkHeaders(requestHeaders, true);
    checkPlace(destination);
    const kept = pathOf(destination);
    return this.#create({ ...taskOptions(options), kind: 'download', url: String(url), method, destination: kept });
  }

  uploadTask(options) {
    check(options, 'Object');
    const { url, data, method = 'POST', requestHeaders } = options;
    check(url, 'String');
    if (isUnusable(url, 'uploadTask')) return undefined;
    const body = uploadBody(data);
    if (body === undefined) {
      API.error('Ti.URLSession: uploadTask: `data` must be a path, a file URL, a blob, a buffer, bytes or a file');
      return null;
    }
    check(method, 'String');
    checkHeaders(requestHeaders, true);
    return this.#create({ ...taskOptions(options), kind: 'upload', url, method, ...body });
  }

  dataTask(options) {
    check(options, 'Object');
    const { url, data, method = 'POST', requestHeaders } = options;
    check(url, 'String');
    if (isUnusable(url, 'dataTask')) return undefined;
    check(method, 'String');
    checkHeaders(requestHeaders, true);
    const { contentType, ...body } = dataBody(data);
    return this.#create({ ...taskOptions(options), kind: 'data', url, method, ...body }, contentType);
  }

  pause(task) {
    checkTask(task);
    this.#attachment.suspend(task);
  }

  resume(task) {
    checkTask(task);
    this.#attachment.resume(task);
  }

  cancel(task) {
    checkTask(task);
    this.#attachment.cancel(task);
  }

  /** Answers a `challengereceived`: with a user and a password, or with one of Apple's other dispositions by name. */
  answer(task, challenge, answer) {
    checkTask(task);
    check(challenge, 'Object');
    report(this.#attachment.answer(task, challenge, answerOptions(answer)));
  }

  /** Answers a `requestdelayed`: what is given replaces that part of the request, which is then tried again. */
  edit(task, edit = {}) {
    checkTask(task);
    check(edit, 'Object');
    const { url, requestHeaders, credential } = edit;
    checkOptional(url, 'String');
    checkHeaders(requestHeaders, true);
    report(this.#attachment.edit(task, { url, headers: headerFields(requestHeaders ?? {}), credential }));
  }

  /** Calls back with the unfinished tasks. */
  getTasks(callback) {
    check(callback, 'Function');
    this.#attachment.tasks().then((tasks) => {
      const unfinished = tasks.filter((task) => task.state !== 'completed');
      throwing(() => callback({ tasks: unfinished }));
    }, (error) => throwing(() => callback({ tasks: [], error })));
  }

  finishTasksAndInvalidate() {
    this.#attachment.finishTasksAndInvalidate();
  }

  invalidateAndCancel() {
    this.#attachment.invalidateAndCancel();
  }

  reset(callback) {
    check(callback, 'Function');
    report(this.#attachment.reset(), callback);
  }

  flush(callback) {
    check(callback, 'Function');
    report(this.#attachment.flush(), callback);
  }

  ref() {
    this.#attachment.ref();
    return this;
  }

  unref() {
    this.#attachment.unref();
    return this;
  }

  toJSON() {
    return { identifier: this.identifier };
  }

  // What Apple does at `resume`, every task of Titanium's does at once.
  #create(task, contentType) {
    try {
      return this.#attachment.createTask({ ...task, resume: true }, contentType);
    } catch (error) {
      if (error.code !== BAD_URL && error.code !== UNSUPPORTED_URL) throw error;
      API.error(`Ti.URLSession: ${task.kind}Task: ${error.message}`);
      return undefined;
    }
  }
}

/** Fires the events of one session, on itself first and then on Ti.App.iOS. */
class Receiver {
  #session;
  #iOS;

  constructor(session, iOS) {
    this.#session = session;
    this.#iOS = iOS;
  }

  // Of another Titanium nobody can tell whether it has listeners.
  wants() {
    return Emitter.listens(this.#session, SESSION_EVENTS)
      || !(this.#iOS instanceof Emitter)
      || Emitter.listens(this.#iOS, SESSION_EVENTS);
  }

  receive(event) {
    const outcomes = this.#wantsMetrics(event) ? this.#fire(translateMetrics(event, this.#session.identifier)) : [];
    outcomes.push(...this.#fire(translate(event, this.#session.identifier)));
    return outcomes;
  }

  // They are made for those who listen.
  #wantsMetrics({ name }) {
    const listens = (emitter) => emitter instanceof Emitter && Emitter.listens(emitter, ['metricscollected']);
    return name === 'didComplete' && (listens(this.#session) || listens(this.#iOS));
  }

  #fire(fired) {
    if (fired === undefined) return [];
    const { name, payload } = fired;
    const outcomes = Emitter.dispatch(this.#session, name, payload);
    if (this.#iOS instanceof Emitter) outcomes.push(...Emitter.dispatch(this.#iOS, name, payload));
    else this.#iOS.fireEvent(name, payload);
    return outcomes;
  }
}

const BAD_URL = -1000;
const UNSUPPORTED_URL = -1002;

function isUnusable(url, task) {
  if (url !== '' && URL.canParse(url)) return false;
  API.error(`Ti.URLSession: ${task}: \`url\` must be an absolute URL`);
  return true;
}

function taskOptions(options) {
  const headers = headerFields(options.requestHeaders ?? {});
  const { description, priority, earliestBeginDate, resumeData, failOnHttpError, recoverableStatuses } = options;
  checkOptional(description, 'String');
  checkOptional(priority, 'Number');
  checkMoment(earliestBeginDate);
  checkOptional(resumeData, 'String');
  checkOptional(recoverableStatuses, Array);
  if (recoverableStatuses) checkedValue(recoverableStatuses, TASKS.data.table.get('recoverableStatuses'), 'recoverableStatuses');
  const fails = failOnHttpError === undefined || failOnHttpError === null ? undefined : Boolean(failOnHttpError);
  return {
    headers,
    description,
    // A truth is a number to the bridge.
    priority: priority === undefined || priority === null ? undefined : Number(priority),
    earliestBeginDate: moment(earliestBeginDate),
    resumeData,
    failOnHttpError: fails,
    recoverableStatuses: recoverableStatuses ?? undefined,
  };
}

function headerFields(headers) {
  return Object.entries(headers).map(([name, value]) => ({ name, value }));
}

function moment(date) {
  return date === undefined || date === null ? undefined : Number(date);
}

// Without a callback a failure is logged.
function report(done, callback = logFailure) {
  done.then(
    () => throwing(() => callback({ completed: true })),
    (error) => throwing(() => callback({ completed: false, errorCode: error.code, message: error.message })),
  );
}

function logFailure({ completed, message }) {
  if (!completed) API.error(`Ti.URLSession: ${message}`);
}

// An app's exception belongs to the app, not to a promise that nobody sees.
function throwing(call) {
  process.nextTick(call);
}

function warnOfDifferences(identifier, differences) {
  if (differences.length === 0) return;
  const names = differences.map((name) => (name === 'headers' ? 'HTTPHeaderFields' : name)).join(', ');
  API.warn(`Ti.URLSession: session “${identifier}” exists already; of its configuration this stays as it was: ${names}`);
}

module.exports = { Session };
