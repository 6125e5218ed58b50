// Starts one download in a session with the launch command it is given, and exits at once.
'use strict';

const { Session } = require('../../index.js');

const [identifier, url, ...launchCommand] = process.argv.slice(2);
new Session({ identifier, launchCommand }).downloadTask(url);
process.exit(0);
