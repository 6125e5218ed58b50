// Both faces for `require`: the Titanium module, with `Ti` where the process has none, and the modern classes.
'use strict';

const { install, titanium } = require('./lib/titanium/current.js');

install();

module.exports = {
  ...require('./lib/titanium/module.js'),
  ...require('./lib/modern/index.js'),
  get Ti() {
    return titanium();
  },
};
