// Which Titanium the module speaks to: that of the process, or the parts that this package brings.
'use strict';

/** Returns the process's own `Ti`, else ours. */
function titanium() {
  return globalThis.Ti ?? ours();
}

/** Makes ours `globalThis.Ti` and `Titanium` where there is none; it is loaded when first used. */
function install() {
  for (const name of ['Ti', 'Titanium']) {
    if (name in globalThis) continue;
    Object.defineProperty(globalThis, name, {
      configurable: true,
      enumerable: false,
      get: ours,
      set: (value) => Object.defineProperty(globalThis, name, { value, writable: true }),
    });
  }
}

function ours() {
  return require('./ti.js').Ti;
}

module.exports = { install, titanium };
