// Prints the error that creating a session gives; keeps the session for long if it is told to hold it.
'use strict';

const { Session } = require('../../index.js');

const [identifier, hold] = process.argv.slice(2);
try {
  new Session({ identifier }).unref();
  console.log('attached');
  if (hold) setInterval(() => {}, 1000);
} catch (error) {
  console.log(error.code, error.message);
}
