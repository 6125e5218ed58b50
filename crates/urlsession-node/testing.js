// A simulated daemon for tests of apps: made up servers and time, real sessions, tasks and files.
'use strict';

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { executable, native } = require('./lib/native.js');

const run = promisify(execFile);

/** Starts a daemon that simulates; sessions of this process and of its children are its own from then on. */
async function simulate(scenario) {
  // Loading it names the executable that travels with it.
  native();
  const program = process.env.URLSESSION_DAEMON || executable() || 'urlsession';
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'urlsession-'));
  const file = path.join(home, 'scenario.txt');
  fs.writeFileSync(file, scenario);
  const env = { URLSESSION_HOME: home, URLSESSION_SIMULATE: file };
  try {
    await daemon(program, 'start', env);
  } catch (error) {
    fs.rmSync(home, { recursive: true, force: true });
    throw error;
  }
  Object.assign(process.env, env);
  return new Simulation(program, home, env);
}

class Simulation {
  #program;
  #env;
  #elapsed;

  constructor(program, home, env) {
    this.#program = program;
    this.home = home;
    this.#env = env;
  }

  /** Milliseconds of simulated time that have passed; a second may not be counted yet. */
  get elapsed() {
    return this.#elapsed ?? this.#read();
  }

  /** Ends the daemon and removes its home. */
  async stop() {
    if (this.#elapsed !== undefined) return;
    await daemon(this.#program, 'stop', this.#env);
    this.#elapsed = this.#read();
    // The environment stays: a session that is left finds no daemon rather than the real one.
    fs.rmSync(this.home, { recursive: true, force: true });
  }

  #read() {
    const position = fs.readFileSync(path.join(this.home, 'state', 'simulation.json'), 'utf8');
    return JSON.parse(position).passed;
  }
}

async function daemon(program, verb, env) {
  try {
    await run(program, ['daemon', verb], { env: { ...process.env, ...env } });
  } catch (error) {
    throw new Error(error.stderr?.trim() || error.message, { cause: error });
  }
}

module.exports = { simulate };
