// Ti.API: a level and a message for each line, written where Node's console writes it.
'use strict';

const levels = { trace: 'debug', debug: 'debug', info: 'info', notice: 'info', warn: 'warn', error: 'error' };

const API = {
  log(level, ...message) {
    // `Ti.API.log(message)` is Ti.API.info(message).
    if (message.length === 0) return API.info(level);
    const name = String(level).toLowerCase();
    return write(name, levels[name] ?? 'info', message);
  },
  timestamp(...message) {
    write('timestamp', 'info', [new Date().toISOString(), ...message]);
  },
};

for (const [name, method] of Object.entries(levels)) {
  API[name] = (...message) => write(name, method, message);
}

function write(name, method, message) {
  console[method](`[${name.toUpperCase()}]`, ...message);
}

module.exports = { API };
