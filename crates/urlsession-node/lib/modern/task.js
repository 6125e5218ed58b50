// A task of the modern face: its number, its controls and the promise of its end.
'use strict';

const { editOptions, Questions } = require('./questions.js');
const { temporaryPath } = require('../temporary.js');
const { textOf } = require('../text.js');

class Task {
  #attachment;
  #metrics = { started: new Date(), ended: undefined, bytesReceived: 0, bytesSent: 0, resumptions: 0 };
  #download;
  #questions;

  /** Settles when the task has ended: with its result, or with a URLSessionError. */
  finished;

  constructor(attachment, taskIdentifier, { signal, onProgress, onDelayedRequest }) {
    this.#attachment = attachment;
    this.taskIdentifier = taskIdentifier;
    this.#questions = new Questions(attachment, { onDelayedRequest });
    this.finished = this.#follow(signal, onProgress);
    // Whoever created it to control it need not wait for it.
    this.finished.catch(() => {});
  }

  resume() {
    this.#attachment.resume(this.taskIdentifier);
  }

  suspend() {
    this.#attachment.suspend(this.taskIdentifier);
  }

  /** Replaces parts of the request; the task keeps its bytes and tries at once, if it waits for that. */
  async edit(edit) {
    await this.#attachment.edit(this.taskIdentifier, editOptions(edit));
  }

  /** Ends the task; `finished` rejects with the code -999. */
  cancel() {
    this.#attachment.cancel(this.taskIdentifier);
  }

  /** Ends a download; resolves with what a new one can go on from, `null` if it must begin anew. */
  async cancelByProducingResumeData() {
    return (await this.#attachment.cancelByProducingResumeData(this.taskIdentifier)) ?? null;
  }

  #follow(signal, onProgress) {
    return new Promise((resolve, reject) => {
      const abort = () => this.cancel();
      const end = (settle, value) => {
        signal?.removeEventListener('abort', abort);
        unsubscribe();
        settle(value);
      };
      const unsubscribe = this.#attachment.subscribe({
        taskIdentifier: this.taskIdentifier,
        receive: (event) => this.#receive(event, {
          onProgress,
          resolve: (result) => end(resolve, result),
          reject: (error) => end(reject, signal?.aborted ? signal.reason : error),
        }),
      });
      signal?.addEventListener('abort', abort);
    });
  }

  #receive(event, { onProgress, resolve, reject }) {
    switch (event.name) {
      case 'didWriteData':
        this.#metrics.bytesReceived = event.totalBytesWritten;
        return onProgress?.({ received: event.totalBytesWritten, total: event.totalBytesExpectedToWrite });
      case 'didSendBodyData':
        this.#metrics.bytesSent = event.totalBytesSent;
        return onProgress?.({ sent: event.totalBytesSent, total: event.totalBytesExpectedToSend });
      case 'didResumeAtOffset':
        this.#metrics.resumptions += 1;
        return undefined;
      case 'willBeginDelayedRequest':
        return this.#questions.receive(event);
      case 'didFinishDownloading':
        return this.#keep(event, reject);
      case 'didComplete':
        this.#metrics.ended = new Date();
        // A body that cannot be read is no empty one.
        return event.error || event.bodyError ? reject(event.error ?? event.bodyError) : resolve(this.#result(event));
      case 'didBecomeInvalid':
        return reject(event.error ?? new Error('the session was invalidated'));
      default:
        return undefined;
    }
  }

  // A file that cannot be kept is left with the daemon, unacknowledged, for the next process.
  #keep(event, reject) {
    try {
      this.#download = { path: keptPath(event.file), length: event.length };
      return undefined;
    } catch (error) {
      reject(error);
      return new Promise(() => {});
    }
  }

  #result({ response, metrics: collected, body = Buffer.alloc(0) }) {
    const head = response && { ...response, headers: webHeaders(response.headers) };
    const metrics = { ...this.#metrics, networkProtocol: response?.networkProtocol, ...collected };
    if (this.#download) {
      metrics.bytesReceived = this.#download.length;
      return { ...this.#download, response: head, metrics };
    }
    metrics.bytesReceived = body.length;
    const text = () => textOf(body, response);
    return { response: head, body, text, json: () => JSON.parse(text()), metrics };
  }
}

// Without a destination the daemon removes its file after the acknowledgement; ours lives as long as the process.
function keptPath(file) {
  if (file.isHeld) file.placeAt(temporaryPath());
  return file.path;
}

function webHeaders(fields) {
  const headers = new Headers();
  for (const { name, value } of fields) {
    try {
      headers.append(name, value);
    } catch {
      // A field that the web has no form for is left out here; `Ti` and the events still tell it.
    }
  }
  return headers;
}

module.exports = { Task };
