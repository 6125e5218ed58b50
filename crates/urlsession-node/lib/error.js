// The error of a task or a session: a number of NSURLErrorDomain with Apple's sentence.
'use strict';

class URLSessionError extends Error {
  /** Makes the error of what the addon tells about one. */
  constructor(told) {
    // The addon tells what there is not as `null` in some places.
    const isTold = (key) => told[key] !== undefined && told[key] !== null;
    super(told.message, isTold('detail') ? { cause: new Error(told.detail) } : undefined);
    this.code = told.code;
    this.domain = 'NSURLErrorDomain';
    this.codeName = told.codeName;
    for (const key of ['failingURL', 'statusCode', 'cancelledReason', 'resumeData']) {
      if (isTold(key)) this[key] = told[key];
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
