// What an event tells beside its own fields: texts of which objects are made when somebody looks at them.
'use strict';

const { native } = require('./native.js');

/** Returns the head of the final response, `undefined` if there was none. */
function responseOf(event) {
  if (event.responseText) event.response ??= JSON.parse(event.responseText);
  return event.response;
}

/** Returns what the requests of the task took, `undefined` if nothing is known of them. */
function metricsOf(event) {
  return event.metricsText ? native().NativeSession.metrics(event.metricsText) : undefined;
}

module.exports = { metricsOf, responseOf };
