// Where a file is, in the ways that Titanium names one: a path, a file URL or a File.
'use strict';

const path = require('node:path');
const { fileURLToPath } = require('node:url');
const { application } = require('../application.js');

/** Returns the absolute path; a relative one begins at the app's folder, as in Titanium. */
function pathOf(file) {
  if (file === undefined || file === null) return undefined;
  if (typeof file.nativePath === 'string') return file.nativePath;
  const text = String(file);
  return text.startsWith('file:') ? fileURLToPath(text) : path.resolve(application().folder, text);
}

module.exports = { pathOf };
