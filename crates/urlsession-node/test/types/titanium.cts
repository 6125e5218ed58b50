// Compiled with `tsc --strict`, never run: the Titanium face as an app would use it.
import urlSession = require('urlsession');

const { Ti } = urlSession;
const configuration = urlSession.createSessionConfiguration({ identifier: 'a', HTTPHeaderFields: { A: 'b' } });
const session = urlSession.createSession({ configuration });
const task: number | undefined = session?.downloadTask({ url: 'https://example.com', destination: '/tmp/a' });
Ti.App.iOS.addEventListener('downloadcompleted', ({ data, taskIdentifier }) => {
  const written: boolean = Ti.Filesystem.getFile(Ti.Filesystem.applicationDataDirectory, 'a').write(data);
  console.log(written, taskIdentifier === task);
});
Ti.App.iOS.addEventListener('sessioncompleted', ({ success, errorCode, message }) => console.log(success, errorCode, message));
Ti.App.iOS.addEventListener('backgroundtransfer', ({ handlerId }) => Ti.App.iOS.endBackgroundHandler(handlerId));
session?.addEventListener('uploadprogress', ({ bytesSent }) => bytesSent.toFixed());
const pending: unknown[] = Ti.App.Properties.getList('pending', []);
// @ts-expect-error no such event
session?.addEventListener('downloadfinished', () => {});
// @ts-expect-error header fields are strings
configuration.HTTPHeaderFields = { a: 1 };
console.log(pending);
urlSession.createSessionConfiguration({ identifier: 'b', tls: { httpsOnly: true }, connectionProxy: { headers: { a: 'b' } } });
// @ts-expect-error handlers are listeners here
urlSession.createSessionConfiguration({ identifier: 'b', onChallenge: () => {} });
Ti.App.addEventListener('of-mine', ({ detail }) => console.log(detail));
Ti.App.fireEvent('of-mine', { detail: 1 });
const folder = Ti.Filesystem.getFile(Ti.Filesystem.tempDirectory);
session?.downloadTask({ url: 'https://example.com', destination: folder });
session?.reset(({ completed, message }) => console.log(completed, message, folder.copy(new URL('file:///tmp/a'))));
const given: unknown = Ti.createBuffer({ value: 'a' });
if (given instanceof Ti.Buffer) console.log(given.toBlob() instanceof Ti.Blob);
