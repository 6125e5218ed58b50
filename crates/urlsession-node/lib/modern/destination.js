// Where a download goes: a file, or a folder in which the server names it.
'use strict';

const path = require('node:path');
const { fileURLToPath } = require('node:url');
const { pathOf } = require('./body.js');

/** A name that is one on every system. */
const PLAIN = /^[\p{L}\p{N}_][\p{L}\p{N}\p{M}_ .+~()-]{0,49}$/u;

/** Says whether a path or file URL ends in a folder, whatever there is: made absolute, it would name a file beside it. */
function namesFolder(file) {
  const text = file instanceof URL ? fileURLToPath(file) : file;
  return /^\.{0,2}$/.test(text.split(path.sep === '/' ? '/' : /[\\/]/).at(-1));
}

/** Returns the absolute path of a download's file. */
function destinationOf(destination, url, { suggestedFilename }) {
  if (destination === undefined || !namesFolder(destination)) return pathOf(destination);
  if (suggestedFilename === undefined) {
    throw new TypeError(
      'The option `destination` must be a file, and ends in a folder: add a name, or let the server name it by `suggestedFilename`',
    );
  }
  return path.join(pathOf(destination), nameOf(url));
}

/** Returns what a file is called that the server has no name for. */
function nameOf(url) {
  try {
    const name = decodeURIComponent(new URL(url).pathname.split('/').at(-1));
    return PLAIN.test(name) ? name : 'download';
  } catch {
    return 'download'; // What is no URL is refused as that.
  }
}

module.exports = { destinationOf, namesFolder };
