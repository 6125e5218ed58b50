// Small file systems in memory, each seen only by the one command that runs in there and by what that starts.
'use strict';

const { spawnSync } = require('node:child_process');

const supported = process.platform === 'linux' && spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/tmp']).status === 0;

/** Why there is none: this system does not let its users mount. Where every test must run that is no reason. */
const skip = !supported && process.env.CI !== 'true' && 'THE DISK IS NOT FILLED: this system does not let its users mount';

/**
 * Returns what comes before a command line to run it where `folder` is a file system of `size`; `then` is a line of
 * shell that runs first, in the folder.
 */
function withSmallDisk(folder, size, then) {
  const script = `mount -t tmpfs -o size=${size},mode=700 tmpfs "$0" && (cd "$0" && ${then}) && exec "$@"`;
  return ['unshare', '-rm', 'sh', '-c', script, folder];
}

module.exports = { skip, withSmallDisk };
