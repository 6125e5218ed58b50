// Prints the error that creating a session, or an upload of bytes, gives; keeps the session if it is told to.
// `fill` takes all the room of the disk first.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { Session } = require('../../index.js');

const [identifier, then, spool] = process.argv.slice(2);
try {
  const session = new Session({ identifier }).unref();
  console.log('attached');
  if (then === 'hold') setInterval(() => {}, 1000);
  if (then === 'fill') {
    try {
      fs.writeFileSync(path.join(process.env.URLSESSION_HOME, 'filler'), Buffer.alloc(16 * 1024 ** 2));
    } catch {
      // That was the last of the room.
    }
    session.uploadTask('http://127.0.0.1:9/', Buffer.alloc(1024 ** 2));
  }
  if (then === 'bytes') {
    fs.rmSync(spool, { recursive: true });
    fs.writeFileSync(spool, 'in the way');
    session.uploadTask('http://127.0.0.1:9/', Buffer.from('bytes'));
  }
} catch (error) {
  console.log(error.code, error.message);
}
