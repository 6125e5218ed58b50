// Collects what Ti.App.iOS fires, and waits for what must come.
'use strict';

const { SESSION_EVENTS } = require('../../lib/titanium/events.js');

// Metrics are made for those who listen, and few do.
const USUAL = SESSION_EVENTS.filter((name) => name !== 'metricscollected');

/** Listens on the emitter; `until` resolves with the first event, past or to come, that the test asks for. */
function listen(emitter) {
  const events = [];
  const waiting = new Set();
  for (const name of USUAL) {
    emitter.addEventListener(name, (event) => {
      events.push(event);
      waiting.forEach((check) => check(event));
    });
  }
  return {
    events,
    until: (isWanted) => new Promise((resolve) => {
      const check = (event) => {
        if (!isWanted(event)) return;
        waiting.delete(check);
        resolve(event);
      };
      waiting.add(check);
      events.forEach(check);
    }),
    ended(task, session) {
      return this.until((event) => event.type === 'sessioncompleted' && event.taskIdentifier === task
        && (session === undefined || event.sessionIdentifier === session));
    },
  };
}

module.exports = { USUAL, listen };
