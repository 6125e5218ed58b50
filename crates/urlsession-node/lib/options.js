// What a session is attached with: the caller's options, completed by what is known of the app.
'use strict';

const { application } = require('./application.js');

/** Completes and checks the options of a session for the addon. */
function sessionOptions({ identifier, applicationId, launchCommand, ...rest }) {
  return {
    ...rest,
    identifier,
    applicationId: applicationId ?? application().id,
    launchCommand: launchCommand ?? ownCommand(),
    launchDirectory: process.cwd(),
  };
}

// `"urlsession": { "launch": true }` in package.json means this very script, started as it was started.
function ownCommand() {
  if (application().launch !== true || process.argv[1] === undefined) return undefined;
  return [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
}

module.exports = { sessionOptions };
