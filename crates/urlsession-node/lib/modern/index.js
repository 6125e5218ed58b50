// The modern face: sessions with promises, signals and async iteration.
'use strict';

const { URLSessionError } = require('../error.js');
const { Session } = require('./session.js');
const { Task } = require('./task.js');

module.exports = { Session, Task, URLSessionError };
