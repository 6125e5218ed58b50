// Why the daemon started this process: a session whose tasks have ended, told once through the environment.
'use strict';

let told;

/** Returns the launches that the app was not told of yet. */
function pendingLaunches() {
  told ??= read(process.env);
  return told;
}

function read(env) {
  const { URLSESSION_LAUNCH_SESSION: sessionId, URLSESSION_LAUNCH_HANDLER: handlerId } = env;
  // What this process starts was not launched for the session.
  delete env.URLSESSION_LAUNCH_SESSION;
  delete env.URLSESSION_LAUNCH_HANDLER;
  if (!sessionId) return [];
  return [{ sessionId, handlerId: handlerId || `Session-${Math.floor(Date.now() / 1000)}` }];
}

module.exports = { pendingLaunches };
