// Requires the module under its Titanium name, which only the option --require makes known.
'use strict';

console.log('Ti' in globalThis);
const urlSession = require('com.appcelerator.urlSession');

console.log(urlSession.moduleId);
console.log(urlSession === require('com.appcelerator.urlSession'));
