// Iterates over the events of a download until there are no more.
import { Session } from '../../index.mjs';

const [url, unref] = process.argv.slice(2);
const session = new Session({ identifier: `iterates ${unref}` });
session.downloadTask(url);
if (unref) session.unref();
for await (const { name } of session.events()) {
  if (name !== 'didWriteData') console.log(name);
}
console.log('end');
if ('Ti' in globalThis) console.log('an import made globals');
