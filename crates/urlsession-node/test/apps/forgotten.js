// Starts an upload, and a download of a file that it has already, and exits at once.
'use strict';

const { Session } = require('../../index.js');

const [identifier, uploaded, unchanged, destination] = process.argv.slice(2);
const session = new Session({ identifier });
session.uploadTask(uploaded, Buffer.alloc(300_000), { method: 'PUT' });
session.downloadTask(unchanged, { destination, headers: { 'If-None-Match': '"a"' } });
process.exit(0);
