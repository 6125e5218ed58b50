// Starts a download and exits. The daemon starts it again when that has ended: it writes down what it is told then.
'use strict';

const fs = require('node:fs');
const urlSession = require('urlsession');

const [url, records, given] = process.argv.slice(2);
const launchCommand = given && ['node', ...process.argv.slice(1)];
const session = () => urlSession.createSession({
  configuration: urlSession.createSessionConfiguration({ identifier: records, launchCommand }),
});

if (process.env.URLSESSION_LAUNCH_SESSION === undefined) {
  session().downloadTask({ url });
  process.exit(0);
}

let handler;
Ti.App.iOS.addEventListener('backgroundtransfer', ({ sessionId, handlerId }) => {
  record(`backgroundtransfer ${sessionId === records} ${Ti.App.id} ${process.cwd()}`);
  handler = handlerId;
  session();
});
for (const name of ['downloadcompleted', 'sessioncompleted', 'sessioneventscompleted']) {
  Ti.App.iOS.addEventListener(name, () => record(name));
}
Ti.App.iOS.addEventListener('sessioneventscompleted', () => {
  Ti.App.iOS.endBackgroundHandler(handler);
  fs.renameSync(`${records}.part`, records);
});

function record(line) {
  fs.appendFileSync(`${records}.part`, `${line}\n`);
}
