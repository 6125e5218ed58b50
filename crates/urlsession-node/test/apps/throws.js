// Its listener throws at the first event of a task whose description says so, unless it is told to behave.
'use strict';

const urlSession = require('../../index.js');

const [url, behaves] = process.argv.slice(2);
process.on('uncaughtException', (error) => process.stdout.write(`uncaught ${error.message}\n`));
Ti.App.iOS.addEventListener('downloadcompleted', ({ taskIdentifier }) => {
  process.stdout.write(`downloadcompleted ${taskIdentifier}\n`);
  if (!behaves && taskIdentifier === 1) throw new Error('a listener');
});
Ti.App.iOS.addEventListener('sessioncompleted', ({ taskIdentifier }) => {
  process.stdout.write(`sessioncompleted ${taskIdentifier}\n`);
});
const session = urlSession.createSession({
  configuration: urlSession.createSessionConfiguration({ identifier: 'throws' }),
});
if (!behaves) for (const _ of [1, 2]) session.downloadTask({ url });
