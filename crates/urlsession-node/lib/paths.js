// Where this user's state lives: the rules of the daemon, so that a finished file can be linked into the app's folders.
'use strict';

const os = require('node:os');
const path = require('node:path');

/** Returns the folder that the daemon keeps its state in; creates nothing. */
function stateFolder(env = process.env) {
  if (env.URLSESSION_HOME) return path.join(path.resolve(env.URLSESSION_HOME), 'state');
  if (process.platform === 'win32') {
    return path.join(env.APPDATA || path.join(os.homedir(), 'AppData', 'Roaming'), 'urlsession');
  }
  const xdg = env.XDG_STATE_HOME;
  const base = xdg && path.isAbsolute(xdg) ? xdg : path.join(os.homedir(), '.local', 'state');
  return path.join(base, 'urlsession');
}

/** Returns the private folder of one application. */
function applicationFolder(id, env = process.env) {
  const name = encodeURIComponent(id).replace(/\*/g, '%2A').replace(/^\.+/, (dots) => '%2E'.repeat(dots.length));
  return path.join(stateFolder(env), 'apps', name);
}

/** Says whether the daemon of that state folder keeps the file, as opposed to the app. */
function isDaemons(file, state = stateFolder()) {
  const inside = state + path.sep;
  // A home may be named by way of another folder, which the daemon's own paths go, too.
  const resolved = path.resolve(file);
  return resolved.startsWith(inside) && !resolved.startsWith(`apps${path.sep}`, inside.length);
}

module.exports = { applicationFolder, isDaemons, stateFolder };
