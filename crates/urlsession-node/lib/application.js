// Who the app is: its id, name and version, from the environment, tiapp.xml, package.json or the program's name.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

/** Finds out once; the answer stays for the life of the process. */
function application() {
  known ??= describe(mainFolder(), process.env);
  return known;
}

/** Describes the app whose main script is in `folder`. */
function describe(folder, env) {
  const found = nearest(folder);
  const id = env.URLSESSION_APP_ID || found?.id || path.basename(process.argv[1] || process.execPath, '.js');
  return {
    id,
    name: found?.name || id,
    version: found?.version || '0.0.0',
    description: found?.description || '',
    folder: found?.folder || folder,
    launch: found?.launch,
  };
}

let known;

function mainFolder() {
  const script = require.main?.filename ?? process.argv[1];
  return script ? path.dirname(path.resolve(script)) : process.cwd();
}

// Walks up to the first folder that says what the app is. Titanium's tiapp.xml wins over a package.json beside it.
function nearest(start) {
  for (let folder = start; ; folder = path.dirname(folder)) {
    const found = titaniumProject(folder) ?? nodePackage(folder);
    if (found) return { folder, ...found };
    if (folder === path.dirname(folder)) return undefined;
  }
}

function titaniumProject(folder) {
  const text = read(path.join(folder, 'tiapp.xml'));
  if (text === undefined) return undefined;
  const plain = text.replace(/<!--[\s\S]*?-->/g, '');
  const field = (name) => unescape(plain.match(new RegExp(`<${name}>([^<]*)</${name}>`))?.[1]?.trim());
  const id = field('id');
  return id && { id, name: field('name'), version: field('version'), description: field('description') };
}

function nodePackage(folder) {
  const text = read(path.join(folder, 'package.json'));
  if (text === undefined) return undefined;
  try {
    const { name, version, description, urlsession } = JSON.parse(text);
    return typeof name === 'string' && name
      ? { id: name, name, version, description, launch: urlsession?.launch }
      : undefined;
  } catch {
    return undefined; // A broken package.json is Node's to report.
  }
}

function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function unescape(text) {
  const named = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
  return text?.replace(/&(lt|gt|quot|apos|amp);/g, (_, name) => named[name]);
}

module.exports = { application, describe };
