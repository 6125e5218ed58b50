// The payloads of Titanium's session events, made of what the daemon tells.
'use strict';

const { Blob } = require('./blob.js');
const { textOf } = require('../text.js');
const { metricsOf, responseOf } = require('../told.js');

/** The names of all events that a session fires. */
const SESSION_EVENTS = [
  'downloadprogress',
  'uploadprogress',
  'downloadresumed',
  'downloadcompleted',
  'requestdelayed',
  'challengereceived',
  'metricscollected',
  'sessioncompleted',
  'sessioneventscompleted',
  'sessioninvalidated',
];

/** Returns the name and the payload to fire, or `undefined` for an event that Titanium has no listener for. */
function translate(event, sessionIdentifier) {
  const make = makers[event.name];
  return make && named(event, sessionIdentifier, ...make(event));
}

/** Returns the same for what the requests of a task took, if it is known. */
function translateMetrics(event, sessionIdentifier) {
  const metrics = metricsOf(event);
  return metrics && named(event, sessionIdentifier, 'metricscollected', { metrics });
}

function named({ taskIdentifier }, sessionIdentifier, name, fields) {
  const task = taskIdentifier === undefined ? {} : { taskIdentifier };
  return { name, payload: { ...task, ...fields, sessionIdentifier } };
}

const makers = {
  didWriteData: (event) => ['downloadprogress', {
    bytesWritten: event.bytesWritten,
    totalBytesWritten: event.totalBytesWritten,
    totalBytesExpectedToWrite: event.totalBytesExpectedToWrite ?? 0,
  }],
  didSendBodyData: (event) => ['uploadprogress', {
    bytesSent: event.bytesSent,
    totalBytesSent: event.totalBytesSent,
    totalBytesExpectedToSend: event.totalBytesExpectedToSend ?? 0,
  }],
  didResumeAtOffset: (event) => ['downloadresumed', {
    fileOffset: event.fileOffset,
    expectedTotalBytes: event.expectedTotalBytes ?? 0,
  }],
  didFinishDownloading: (event) => {
    const data = Blob.ofKept(event.file);
    // Titanium's blob outlives its listener; the daemon's file does not.
    event.release = () => event.file.keepFor(data);
    return ['downloadcompleted', { data }];
  },
  willBeginDelayedRequest: (event) => ['requestdelayed', event.error ? errorFields(event.error) : {}],
  didReceiveChallenge: (event) => ['challengereceived', { challenge: event.challenge }],
  didComplete: (event) => ['sessioncompleted', event.error ? failure(event) : success(event)],
  didFinishEvents: () => ['sessioneventscompleted', {}],
  didBecomeInvalid: (event) => ['sessioninvalidated', event.error ? errorFields(event.error) : {}],
};

function success(event) {
  return { success: true, errorCode: 0, ...answer(event) };
}

function failure(event) {
  return { success: false, ...errorFields(event.error), ...answer(event) };
}

function answer(event) {
  const { statusCode, body, bodyError } = event;
  const fields = bodyError ? { detail: bodyError.message } : {};
  if (statusCode !== undefined) fields.statusCode = statusCode;
  if (body?.length > 0) {
    const response = responseOf(event);
    fields.responseText = textOf(body, response);
    fields.responseData = Blob.ofBytes(body, response?.headers);
  }
  return fields;
}

function errorFields(error) {
  const fields = { errorCode: error.code, message: error.message, errorDomain: error.domain };
  if (error.cause) fields.detail = error.cause.message;
  for (const key of ['failingURL', 'cancelledReason', 'resumeData', 'statusCode']) {
    if (error[key] !== undefined) fields[key] = error[key];
  }
  return fields;
}

module.exports = { SESSION_EVENTS, translate, translateMetrics };
