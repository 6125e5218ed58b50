// Starts one download and exits at once; started without a URL, it prints every event until nothing is left.
'use strict';

const urlSession = require('../../index.js');
const { SESSION_EVENTS } = require('../../lib/titanium/events.js');

const [url] = process.argv.slice(2);
const session = urlSession.createSession({
  configuration: urlSession.createSessionConfiguration({ identifier: 'once' }),
});
if (url) {
  session.downloadTask({ url });
  process.exit(0);
}
for (const name of ['backgroundtransfer', ...SESSION_EVENTS]) {
  Ti.App.iOS.addEventListener(name, ({ type, taskIdentifier, data, sessionId, handlerId }) => {
    process.stdout.write(`${JSON.stringify([type, taskIdentifier ?? sessionId, data?.length ?? handlerId])}\n`);
  });
}
