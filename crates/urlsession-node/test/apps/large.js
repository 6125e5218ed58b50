// Downloads one large file, moves it into place, and prints how much memory that took beyond an idle process.
'use strict';

const urlSession = require('../../index.js');

const [url, path] = process.argv.slice(2);
const session = urlSession.createSession({
  configuration: urlSession.createSessionConfiguration({ identifier: 'large' }),
});
let most = 0;
const idle = process.memoryUsage.rss();
const measure = () => { most = Math.max(most, process.memoryUsage.rss()); };
Ti.App.iOS.addEventListener('downloadprogress', measure);
Ti.App.iOS.addEventListener('downloadcompleted', ({ data }) => {
  const { length } = data;
  Ti.Filesystem.getFile(path).write(data);
  measure();
  process.stdout.write(JSON.stringify({ length, grown: most - idle }));
});
Ti.App.iOS.addEventListener('sessioncompleted', () => session.finishTasksAndInvalidate());
session.downloadTask({ url });
