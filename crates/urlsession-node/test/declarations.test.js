// The type declarations: made of the Rust, and right for `tsc --strict`.
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { inHome } = require('./support/home.js');
const { declarations } = require('../scripts/declarations.js');

const root = path.join(__dirname, '..');
const definitions = process.env.URLSESSION_TYPE_DEFINITIONS;

test('native.d.ts is what the Rust says', { skip: !definitions && 'run it with `cargo test -p urlsession-node`' }, () => {
  const made = declarations(fs.readFileSync(definitions, 'utf8'));
  const file = path.join(root, 'native.d.ts');
  if (process.env.URLSESSION_UPDATE) fs.writeFileSync(file, made);
  assert.equal(fs.readFileSync(file, 'utf8'), made, 'URLSESSION_UPDATE=1 writes it anew');
});

test('everything that is exported is declared', () => {
  const declared = fs.readFileSync(path.join(root, 'index.d.ts'), 'utf8') + fs.readFileSync(path.join(root, 'modern.d.ts'), 'utf8');
  for (const name of Object.keys(require('../index.js'))) {
    assert.match(declared, new RegExp(`export declare (const|class) ${name}\\b`));
  }
});

const compiler = [root, path.join(root, '../..')]
  .map((folder) => path.join(folder, 'node_modules/typescript/bin/tsc'))
  .find((file) => fs.existsSync(file));
const skip = !compiler && 'THE TYPES ARE NOT CHECKED: `npm install --no-package-lock` brings typescript';

test('the types pass tsc --strict', { skip }, () => {
  const project = inHome('types');
  fs.cpSync(path.join(__dirname, 'types'), project, { recursive: true });
  fs.mkdirSync(path.join(project, 'node_modules/@types'), { recursive: true });
  fs.symlinkSync(root, path.join(project, 'node_modules/urlsession'));
  fs.symlinkSync(path.join(compiler, '../../../@types/node'), path.join(project, 'node_modules/@types/node'));
  const options = ['--strict', '--noEmit', '--target', 'es2023', '--module', 'nodenext'];
  const files = ['modern.mts', 'titanium.cts'];
  // Programs for Node alone do without what browsers have.
  for (const lib of ['es2023', 'es2023,dom']) {
    const args = [compiler, ...options, '--lib', lib, ...files];
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8' });
    assert.equal(status, 0, stdout);
  }
});
