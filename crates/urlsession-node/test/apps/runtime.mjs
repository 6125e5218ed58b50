// Downloads once with each face; runs under every runtime that has Node-API.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { Session } = require('../../index.js');

const [url] = process.argv.slice(2);
const session = new Session({ identifier: 'runtime' });
const { length } = await session.download(url);
console.log(length);
await session.finishTasksAndInvalidate();

const urlSession = require('../../index.js');
const configuration = urlSession.createSessionConfiguration({ identifier: 'runtime Titanium' });
const titanium = urlSession.createSession({ configuration });
Ti.App.iOS.addEventListener('downloadcompleted', ({ data }) => console.log(data.length));
Ti.App.iOS.addEventListener('sessioncompleted', () => titanium.finishTasksAndInvalidate());
titanium.downloadTask({ url });
