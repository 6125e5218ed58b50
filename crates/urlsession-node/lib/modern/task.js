// A task of the modern face: its number, its controls and the promise of its end.
'use strict';

const { QUESTIONS } = require('../attachment.js');
const { URLSessionError } = require('../error.js');
const { onAbort } = require('./aborts.js');
const { webHeaders } = require('./headers.js');
const { editOptions, Questions } = require('./questions.js');
const { systemTemporaryPath, temporaryPath } = require('../temporary.js');
const { textOf } = require('../text.js');
const { metricsOf, responseOf } = require('../told.js');

// The code of what has no other, such as a task that there is not.
const UNKNOWN = -1;

const CANNOT_CREATE = -3000;

// The status of a file that is as the app has it.
const UNCHANGED = 304;

class Task {
  #attachment;
  #asked;
  #mayBeGone;
  #finished;
  #hasEnded = false;

  constructor(attachment, taskIdentifier, { mayBeGone = false, ...asked }) {
    this.#attachment = attachment;
    this.taskIdentifier = taskIdentifier;
    this.#asked = asked;
    this.#mayBeGone = mayBeGone;
    if (!mayBeGone) this.#follow();
  }

  /** Settles when the task has ended: with its result, or with a URLSessionError. */
  get finished() {
    return this.#follow();
  }

  // Who follows a task takes its events: one that was found by its number, only to be asked how it is, leaves them to others.
  #follow() {
    return this.#finished ??= this.#begin();
  }

  #begin() {
    const finished = new Promise((resolve, reject) => {
      const { signal, onProgress, onDelayedRequest, kept } = this.#asked;
      const questions = onDelayedRequest && new Questions(this.#attachment, { onDelayedRequest });
      const following = new Following(this.taskIdentifier, { resolve, reject, signal, onProgress, questions, kept });
      following.begin(this.#attachment, signal && (() => this.cancel()));
      if (this.#mayBeGone) following.look(this.status());
    });
    const ended = () => { this.#hasEnded = true; };
    // Whoever created it to control it need not wait for it.
    finished.then(ended, ended);
    return finished;
  }

  /** Tells how the task is; rejects once its end has been handled, or if it never was. */
  async status() {
    return this.#attachment.status(this.taskIdentifier);
  }

  resume() {
    this.#follow();
    this.#attachment.resume(this.taskIdentifier);
  }

  suspend() {
    this.#follow();
    this.#attachment.suspend(this.taskIdentifier);
  }

  /** Replaces parts of the request; the task keeps its bytes and tries at once, if it waits for that. */
  async edit(edit) {
    this.#follow();
    await this.#attachment.edit(this.taskIdentifier, editOptions(edit));
  }

  /** Ends the task; `finished` rejects with the code -999. */
  cancel() {
    this.#follow();
    this.#attachment.cancel(this.taskIdentifier);
  }

  /** Ends a download; resolves with what a new one can go on from, `null` if it must begin anew or has ended. */
  async cancelByProducingResumeData() {
    this.#follow();
    try {
      return (await this.#attachment.cancelByProducingResumeData(this.taskIdentifier)) ?? null;
    } catch (error) {
      // Its end may have been on the way here: that is no more an error than a `cancel` too late.
      if (error.code === UNKNOWN && this.#hasEnded) return null;
      throw error;
    }
  }
}

/** Receives the events of one task until it has ended. */
class Following {
  #asked;
  #started = Date.now();
  #bytesSent;
  #resumptions = 0;
  #download;
  #listed;
  #livesHere;
  #unfollow;
  #unsubscribe;

  constructor(taskIdentifier, asked) {
    this.taskIdentifier = taskIdentifier;
    this.#asked = asked;
  }

  begin(attachment, abort) {
    this.#livesHere = attachment.livesHere;
    this.#unsubscribe = attachment.subscribe(this);
    if (abort) this.#unfollow = onAbort(this.#asked.signal, () => this.#abort(abort));
  }

  // A signal tells nobody what a listener throws, and ends the process with it: who aborted hears of it here.
  #abort(abort) {
    try {
      abort();
    } catch (error) {
      this.#reject(error);
    }
  }

  /** Takes the promise of how the task is. Where there is none, nothing would ever come; a daemon that is away comes back. */
  look(listed) {
    this.#listed = listed.catch((error) => {
      if (error.code === UNKNOWN) this.#fail(error);
    });
  }

  /** A question that is not answered here is for others, now or later. */
  wants(event) {
    return !QUESTIONS.has(event.name) || (this.#asked.questions?.wants(event) ?? false);
  }

  receive(event) {
    const { onProgress, questions } = this.#asked;
    switch (event.name) {
      case 'didWriteData':
        return onProgress?.({ received: event.totalBytesWritten, total: event.totalBytesExpectedToWrite });
      case 'didSendBodyData':
        this.#bytesSent = event.totalBytesSent;
        return onProgress?.({ sent: event.totalBytesSent, total: event.totalBytesExpectedToSend });
      case 'didResumeAtOffset':
        this.#resumptions += 1;
        return undefined;
      case 'willBeginDelayedRequest':
        return questions?.receive(event);
      case 'didFinishDownloading':
        return this.#keep(event);
      case 'didComplete':
        return this.#complete(event);
      case 'didBecomeInvalid':
        return this.#fail(event.error ?? new Error('the session was invalidated'));
      default:
        return undefined;
    }
  }

  #keep({ file }) {
    try {
      // Without a destination whoever has the file removes it after the acknowledgement; ours lives as long as the process.
      if (file.isHeld) file.placeAt(this.#livesHere ? systemTemporaryPath() : temporaryPath(), { outlivesProcess: false });
      this.#download = file;
      return undefined;
    } catch (error) {
      const message = 'Cannot create file';
      return this.#keepNot(new URLSessionError({ code: CANNOT_CREATE, codeName: 'CannotCreateFile', message, detail: error.message }));
    }
  }

  // A file that cannot be kept is left with the daemon, unacknowledged, for the next process, if there can be one.
  #keepNot(error) {
    if (this.#livesHere) return this.#reject(error);
    this.#fail(error);
    return new Promise(() => {});
  }

  #fail(error) {
    this.#end();
    this.#reject(error);
  }

  #reject(error) {
    const { signal, reject } = this.#asked;
    reject(signal?.aborted ? signal.reason : error);
  }

  #complete(event) {
    // A body that cannot be read is no empty one.
    const error = event.error ?? event.bodyError;
    if (error) return this.#fail(error);
    const isUnknown = event.statusCode === UNCHANGED && this.#download === undefined && this.#listed !== undefined;
    return isUnknown ? this.#succeedAsListed(event) : this.#succeed(event);
  }

  // Of a task of an earlier process only the daemon knows which file it left as it is; until it says so the task is kept.
  async #succeedAsListed(event) {
    this.#asked.kept = (await this.#listed)?.destination;
    this.#succeed(event);
  }

  #succeed(event) {
    this.#end();
    // A file of the app's own that the server has no news of stays as it is.
    const { kept } = this.#asked;
    const file = this.#download ?? (kept && { path: kept, length: 0 });
    if (file) {
      const { path, length } = file;
      this.#asked.resolve(this.#result(event, { path, length }, length));
    } else {
      const { body = Buffer.alloc(0) } = event;
      const text = () => textOf(body, responseOf(event));
      this.#asked.resolve(this.#result(event, { body, text, json: () => JSON.parse(text()) }, body.length));
    }
  }

  #end() {
    this.#unfollow?.();
    this.#unsubscribe();
  }

  // What few look at is made when they do: for small files it would cost more than all the rest.
  #result(event, own, bytesReceived) {
    const measured = {
      started: this.#started, ended: Date.now(), bytesReceived, bytesSent: this.#bytesSent, resumptions: this.#resumptions,
    };
    let response;
    let metrics;
    return {
      ...own,
      get response() { return response ??= webResponse(event); },
      get metrics() { return metrics ??= allMetrics(event, measured); },
    };
  }
}

// An earlier process may have created the task, and seen its progress.
function allMetrics(event, { started, ended, bytesSent, ...counts }) {
  const { networkProtocol, suggestedFilename } = responseOf(event) ?? {};
  const told = metricsOf(event);
  const { start, end } = told?.taskInterval ?? { start: started, end: ended };
  return {
    started: new Date(start),
    ended: new Date(end),
    ...counts,
    bytesSent: bytesSent ?? sentBytes(told),
    networkProtocol,
    suggestedFilename,
    ...told,
  };
}

/** Returns the length of the body that was sent last: a redirect may have gone on without it. */
function sentBytes(told) {
  const sent = told?.transactionMetrics.map((transaction) => transaction.countOfRequestBodyBytesSent);
  return sent?.findLast((count) => count > 0) ?? 0;
}

function webResponse(event) {
  const response = responseOf(event);
  return response && { ...response, headers: webHeaders(response.headers) };
}

module.exports = { Task };
