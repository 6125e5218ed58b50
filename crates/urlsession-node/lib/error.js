// The error of a task or a session: a number of NSURLErrorDomain with Apple's sentence.
'use strict';

class URLSessionError extends Error {
  /** Makes the error of what the addon tells about one. */
  constructor(told) {
    super(told.message, told.detail === undefined ? undefined : { cause: new Error(told.detail) });
    this.code = told.code;
    this.domain = 'NSURLErrorDomain';
    this.codeName = told.codeName;
    for (const key of ['failingURL', 'statusCode', 'cancelledReason', 'resumeData']) {
      if (told[key] !== undefined) this[key] = told[key];
    }
  }

  get name() {
    return 'URLSessionError';
  }

  /** Turns what the addon threw into this class; other errors stay what they are. */
  static from(error) {
    // The addon can throw a text only, so the parts of its errors travel in it as JSON.
    if (error instanceof URLSessionError || !error?.message?.startsWith('{')) return error;
    try {
      return new URLSessionError(JSON.parse(error.message));
    } catch {
      return error;
    }
  }
}

module.exports = { URLSessionError };
