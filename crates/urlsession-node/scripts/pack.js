// Packs the npm package and this platform's own package of what was built: `node scripts/pack.js BUILT TO`.
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');
const suffix = { linux: '.so', darwin: '.dylib' };

/** Returns the tarballs: the package, and that of this platform with addon and executable. */
function pack(addon, executable, to) {
  const platform = `${process.platform}-${process.arch}${process.platform === 'linux' ? '-gnu' : ''}`;
  const folder = path.join(to, platform);
  fs.cpSync(path.join(root, 'npm', platform), folder, { recursive: true });
  for (const license of ['LICENSE-MIT', 'LICENSE-APACHE']) {
    fs.copyFileSync(path.join(root, license), path.join(folder, license));
  }
  fs.copyFileSync(addon, path.join(folder, 'urlsession.node'));
  fs.copyFileSync(executable, path.join(folder, 'urlsession'));
  fs.chmodSync(path.join(folder, 'urlsession'), 0o755);
  return [npmPack(root, to), npmPack(folder, to)];
}

function npmPack(folder, to) {
  const output = execFileSync('npm', ['pack', '--json', '--pack-destination', to], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return path.join(to, JSON.parse(output)[0].filename);
}

if (require.main === module) {
  const [built, to] = process.argv.slice(2);
  const addon = path.join(built, `liburlsession_node${suffix[process.platform]}`);
  pack(addon, path.join(built, 'urlsession'), to).forEach((tarball) => console.log(tarball));
}

module.exports = { pack };
