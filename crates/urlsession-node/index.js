// Both faces for `require`: the Titanium module, with `Ti` where the process has none, and the modern classes.
'use strict';

const { install, modern, titanium, urlSession } = require('./lib/faces.js');

install();

module.exports = {
  ...urlSession,
  ...modern,
  get Ti() {
    return titanium();
  },
};
