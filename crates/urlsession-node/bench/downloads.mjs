// 1,000 downloads of 10 KiB into files, beside undici with the same concurrency: medians of one interleaved run.
//
//   URLSESSION_ADDON=… URLSESSION_DAEMON=… node bench/downloads.mjs, of a release build; `npm install --no-save undici`
//
// Ours are synced and survive a power loss, undici's are not. No file is removed before the end: some file systems
// are slow to make files where others were just removed. The server is nginx where it is installed: one that is a
// process of Node.js needs as much of the processor as a contestant.
import { execFileSync } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { startServer } from './server.mjs';

const COUNT = 1000;
const LENGTH = 10 * 1024;
const CONCURRENCY = 20;
const ROUNDS = 7;
// The unit of processor times in `/proc`, in milliseconds.
const TICK = 10;

const home = mkdtempSync(path.join(tmpdir(), 'urlsession-bench-'));
process.env.URLSESSION_HOME = home;
process.env.URLSESSION_APP_ID ??= 'bench';
const { default: urlSession, Session } = await import('../index.mjs');
const undici = await import('undici').catch(() => undefined);
const server = await startServer(home, LENGTH);
console.log(`server: ${server.name}`);
const sessions = [];
const contestants = [byModern(server.url), byTitanium(server.url)];
if (undici) contestants.push(byUndici(server.url));
const daemon = daemonTime();
// The first round warms up; each begins with another one.
for (let round = 0; round <= ROUNDS; round += 1) {
  for (let turn = 0; turn < contestants.length; turn += 1) {
    const contestant = contestants[(turn + round) % contestants.length];
    const cost = await measured(path.join(home, `${contestant.name}-${round}`), contestant.download);
    if (round > 0) contestant.costs.push(cost);
  }
}
report();
sessions.forEach((session) => session.invalidateAndCancel());
server.stop();
process.once('exit', () => {
  if (process.env.URLSESSION_DAEMON) execFileSync(process.env.URLSESSION_DAEMON, ['daemon', 'stop']);
  rmSync(home, { recursive: true, force: true });
});

function byModern(url) {
  const session = new Session({ identifier: 'bench', maximumConnectionsPerHost: CONCURRENCY });
  sessions.push(session);
  return { name: 'modern', costs: [], download: (file) => session.download(url, { destination: file }) };
}

function byTitanium(url) {
  const options = { identifier: 'bench-titanium', maximumConnectionsPerHost: CONCURRENCY };
  const session = urlSession.createSession({ configuration: urlSession.createSessionConfiguration(options) });
  sessions.push(session);
  const waiting = new Map();
  session.addEventListener('sessioncompleted', ({ taskIdentifier }) => {
    waiting.get(taskIdentifier)();
    waiting.delete(taskIdentifier);
  });
  const download = (file) => new Promise((resolve) => {
    waiting.set(session.downloadTask({ url, destination: file }), resolve);
  });
  return { name: 'titanium', costs: [], download };
}

function byUndici(url) {
  const dispatcher = new undici.Agent({ connections: CONCURRENCY });
  const download = limited(async (file) => {
    const { body } = await undici.request(url, { dispatcher });
    await pipeline(body, createWriteStream(file));
  });
  return { name: 'undici', costs: [], download };
}

async function measured(name, download) {
  const [usage, before, start] = [process.cpuUsage(), daemon(), performance.now()];
  await Promise.all(Array.from({ length: COUNT }, (_, index) => download(`${name}-${index}`)));
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(usage);
  return { wall, node: (user + system) / 1000, daemon: daemon() - before };
}

function report() {
  const theirs = contestants.find(({ name }) => name === 'undici');
  const of = ({ costs }, what) => median(costs.map(what));
  console.log('                wall ms    cpu ms (Node + daemon)   ratio to undici: wall, cpu');
  for (const contestant of contestants) {
    const [wall, cpu] = [({ wall }) => wall, ({ node, daemon }) => node + daemon].map((what) => of(contestant, what));
    const shares = `(${of(contestant, ({ node }) => node).toFixed(0)} + ${of(contestant, ({ daemon }) => daemon).toFixed(0)})`;
    const ratio = (mine, what) => (theirs ? (mine / of(theirs, what)).toFixed(2) : 'undici missing').padStart(12);
    const figures = `${wall.toFixed(0).padStart(11)}${cpu.toFixed(0).padStart(10)} ${shares.padEnd(16)}`;
    console.log(`${contestant.name.padEnd(12)}${figures}${ratio(wall, (cost) => cost.wall)}${ratio(cpu, ({ node, daemon }) => node + daemon)}`);
  }
}

// Returns what tells the daemon's processor time so far, in milliseconds; none where the system does not tell.
function daemonTime() {
  const program = process.env.URLSESSION_DAEMON;
  if (process.platform !== 'linux' || !program) return () => 0;
  const { pid } = JSON.parse(execFileSync(program, ['daemon', 'status', '--json']));
  return () => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK;
  };
}

// undici has no queue of its own for the files that are written.
function limited(download) {
  let free = CONCURRENCY;
  const waiting = [];
  return async (file) => {
    if (free === 0) await new Promise((resolve) => { waiting.push(resolve); });
    else free -= 1;
    await download(file);
    if (waiting.length > 0) waiting.shift()();
    else free += 1;
  };
}

function median(values) {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
