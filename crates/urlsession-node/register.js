// `node --require urlsession/register app.js`: lets the app require the module under its Titanium name.
'use strict';

const Module = require('node:module');
const path = require('node:path');
const { install } = require('./lib/faces.js');

const MODULE_ID = 'com.appcelerator.urlSession';
const here = path.join(__dirname, 'index.js');

install();

if (typeof Module.registerHooks === 'function') {
  const { pathToFileURL } = require('node:url');
  Module.registerHooks({
    resolve(specifier, context, nextResolve) {
      if (specifier !== MODULE_ID) return nextResolve(specifier, context);
      const isImport = context.conditions?.includes('import');
      const file = isImport ? path.join(__dirname, 'index.mjs') : here;
      return { url: pathToFileURL(file).href, shortCircuit: true };
    },
  });
} else {
  const resolveFilename = Module._resolveFilename;
  Module._resolveFilename = (request, ...rest) => (
    request === MODULE_ID ? here : resolveFilename.call(Module, request, ...rest)
  );
}
