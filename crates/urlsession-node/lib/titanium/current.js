// Which Titanium the module speaks to: that of the process, or the parts that this package brings.
'use strict';

/** Returns the process's own `Ti`, else ours. */
function titanium() {
  // Ours may stand on globalThis as well, as a getter that leads here again.
  return Object.getOwnPropertyDescriptor(globalThis, 'Ti')?.value ?? require('./ti.js').Ti;
}

/** Makes ours `globalThis.Ti` and `Titanium` where there is none; it is loaded when first used. */
function install() {
  for (const name of ['Ti', 'Titanium']) {
    if (name in globalThis) continue;
    Object.defineProperty(globalThis, name, {
      configurable: true,
      enumerable: false,
      get: titanium,
      set: (value) => Object.defineProperty(globalThis, name, { value, writable: true }),
    });
  }
}

module.exports = { install, titanium };
