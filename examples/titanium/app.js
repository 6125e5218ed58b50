// A Titanium app without its windows: downloads what it is told to, and finds it again after it was closed.
//
//   node --require urlsession/register app.js https://example.com/a.mp3 https://example.com/b.mp3
//   node --require urlsession/register app.js            after a crash: shows what arrived meanwhile

var URLSession = require('com.appcelerator.urlSession');

var handler;
var pending = Ti.App.Properties.getList('pending', []);

Ti.App.iOS.addEventListener('backgroundtransfer', function (event) {
  // All transfers ended while the app was not running, and the system started it.
  handler = event.handlerId;
});

Ti.App.iOS.addEventListener('downloadprogress', function (event) {
  Ti.API.info('Task ' + event.taskIdentifier + ': ' + event.totalBytesWritten + ' of '
    + (event.totalBytesExpectedToWrite || 'unknown') + ' bytes');
});

Ti.App.iOS.addEventListener('downloadcompleted', function (event) {
  var file = Ti.Filesystem.getFile(Ti.Filesystem.applicationDataDirectory, 'episode' + event.taskIdentifier);
  file.write(event.data);
  Ti.API.info('Task ' + event.taskIdentifier + ' is in ' + file.nativePath + ', ' + file.size + ' bytes');
});

Ti.App.iOS.addEventListener('sessioncompleted', function (event) {
  pending = pending.filter(function (task) { return task !== event.taskIdentifier; });
  Ti.App.Properties.setList('pending', pending);
  if (event.success) {
    Ti.API.info('Task ' + event.taskIdentifier + ' ended with status ' + event.statusCode);
  } else {
    Ti.API.error('Task ' + event.taskIdentifier + ' failed: ' + event.message + ' (' + event.errorCode + ')');
  }
});

Ti.App.iOS.addEventListener('sessioneventscompleted', function () {
  Ti.API.info('Everything that happened meanwhile has been told');
  if (handler && pending.length === 0) {
    Ti.App.iOS.endBackgroundHandler(handler);
  }
});

var session = URLSession.createSession({
  configuration: URLSession.createSessionConfiguration({ identifier: 'com.example.podcasts' })
});

process.argv.slice(2).forEach(function (url) {
  var task = session.downloadTask({ url: url });
  if (task) {
    pending.push(task);
    Ti.App.Properties.setList('pending', pending);
  }
});
