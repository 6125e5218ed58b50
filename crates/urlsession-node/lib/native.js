// Finds and loads the addon, and the executable that travels beside it.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const platform = `${process.platform}-${process.arch}${process.platform === 'linux' ? '-gnu' : ''}`;
const packageFolder = path.join(__dirname, '..');

/** Returns the addon's class `NativeSession`; loads the addon at the first use. */
function native() {
  addon ??= load();
  return addon;
}

/** Puts another implementation of the addon's interface in its place, for tests. */
function useNative(other) {
  addon = other;
}

/** Returns the executable of this package, `undefined` where none came with it. */
function executable() {
  const name = process.platform === 'win32' ? 'urlsession.exe' : 'urlsession';
  return [path.join(packageFolder, name), platformFile(name)].find((file) => file && fs.existsSync(file));
}

let addon;

function load() {
  const beside = path.join(packageFolder, 'urlsession.node');
  const file = process.env.URLSESSION_ADDON ?? (fs.existsSync(beside) ? beside : platformFile('urlsession.node'));
  if (file === undefined) {
    throw new Error(
      `urlsession has no addon for ${platform}: reinstall it with optional dependencies, ` +
        'or build it with `cargo build -p urlsession-node` and set URLSESSION_ADDON to the file',
    );
  }
  // The addon finds the daemon by this name; without it, beside Node or on the PATH.
  const daemon = executable();
  if (daemon) process.env.URLSESSION_DAEMON ||= daemon;
  return require(path.resolve(file));
}

function platformFile(name) {
  try {
    return require.resolve(`@urlsession/${platform}/${name}`);
  } catch {
    return undefined;
  }
}

module.exports = { native, useNative, executable };
