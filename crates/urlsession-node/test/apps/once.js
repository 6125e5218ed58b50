// Starts one download, or one data task if there is data for it, and exits at once; started without a URL, it prints
// every event until nothing is left.
'use strict';

const urlSession = require('../../index.js');
const { USUAL } = require('../support/listen.js');

const [url, data] = process.argv.slice(2);
const session = urlSession.createSession({
  configuration: urlSession.createSessionConfiguration({ identifier: 'once' }),
});
if (url) {
  if (data) session.dataTask({ url, data });
  else session.downloadTask({ url });
  process.exit(0);
}
for (const name of ['backgroundtransfer', ...USUAL]) {
  Ti.App.iOS.addEventListener(name, (event) => {
    const { type, taskIdentifier, sessionId } = event;
    const what = event.data?.length ?? event.handlerId ?? event.responseText;
    process.stdout.write(`${JSON.stringify([type, taskIdentifier ?? sessionId, what])}\n`);
  });
}
