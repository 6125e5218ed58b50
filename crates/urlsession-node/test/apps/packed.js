// Lives in a folder where the package was installed under both of its names.
'use strict';

const urlSession = require('com.appcelerator.urlSession');
const { Session } = require('urlsession');

const [url] = process.argv.slice(2);
console.log(Ti.App.id);
console.log(Session === urlSession.Session);
Ti.App.iOS.addEventListener('sessioncompleted', ({ success, responseText }) => {
  console.log(success, responseText);
});
const configuration = urlSession.createSessionConfiguration({ identifier: 'packed' });
urlSession.createSession({ configuration }).dataTask({ url, method: 'GET' });
import('urlsession').then((imported) => console.log(imported.Session === Session));
