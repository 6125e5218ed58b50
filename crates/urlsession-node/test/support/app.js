// Runs one of the test's apps as a process of its own.
'use strict';

const { spawn } = require('node:child_process');
const path = require('node:path');
const readline = require('node:readline');

/**
 * Starts the app; `onLine(line, child)` sees each line, the promise resolves with its end.
 * `within` is a command line that runs the app's, given to it as further arguments.
 */
function runApp(name, args, { onLine = () => {}, env = {}, node = [], within = [] } = {}) {
  const script = path.resolve(__dirname, '../apps', name);
  const [program, ...rest] = [...within, process.execPath, ...node, script, ...args.map(String)];
  const child = spawn(program, rest, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines = [];
  let errors = '';
  readline.createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    onLine(line, child);
  });
  child.stderr.on('data', (data) => { errors += data; });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, lines, errors }));
  });
}

module.exports = { runApp };
