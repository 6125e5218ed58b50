// What a session is attached with: the caller's options, completed by what is known of the app.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { application } = require('./application.js');

// A launched program has a clean environment; without these it would be another app, or find another daemon.
const VARIABLES = ['URLSESSION_APP_ID', 'URLSESSION_ADDON', 'URLSESSION_DAEMON', 'NODE_PATH', 'NODE_OPTIONS'];

/** Completes and checks the options of a session for the addon. */
function sessionOptions({ configuration = 'background', identifier, applicationId, launchCommand, ...rest }) {
  // Nobody can come back for a session that ends with its process.
  if (configuration === 'background') launchCommand ??= ownCommand();
  return {
    ...rest,
    configuration,
    identifier,
    applicationId: applicationId ?? application().id,
    launchCommand: launchCommand && launchOptions(launchCommand),
  };
}

// `"urlsession": { "launch": true }` in package.json means this very script, started as it was started.
function ownCommand() {
  if (application().launch !== true || process.argv[1] === undefined) return undefined;
  return [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
}

function launchOptions(command) {
  if (!Array.isArray(command) || command.length === 0 || !command.every((part) => typeof part === 'string')) {
    throw new TypeError('The option `launchCommand` must be a list of strings: a program and its arguments');
  }
  const [program, ...args] = command;
  const present = VARIABLES.filter((name) => process.env[name]).map((name) => [name, process.env[name]]);
  return {
    program: programPath(program),
    arguments: args,
    directory: process.cwd(),
    environment: Object.fromEntries(present),
  };
}

// A name without a folder is looked for as a shell would; the daemon has another PATH.
function programPath(program) {
  if (program.includes('/') || program.includes(path.sep)) return path.resolve(program);
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const found = folders.map((folder) => path.join(folder, program)).find(isExecutable);
  if (found === undefined) throw new Error(`The program “${program}” of \`launchCommand\` is not in PATH`);
  return path.resolve(found);
}

function isExecutable(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

module.exports = { sessionOptions };
