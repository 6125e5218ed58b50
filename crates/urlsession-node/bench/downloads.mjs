// 1,000 downloads of 10 KiB into files, beside undici with the same concurrency: medians of one interleaved run.
//
//   URLSESSION_ADDON=… URLSESSION_DAEMON=… node bench/downloads.mjs, of a release build; `npm install --no-save undici`
//
// Ours are synced and survive a power loss, undici's are not. No file is removed before the end: some file systems
// are slow to make files where others were just removed.
import { execFileSync, fork } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';

const COUNT = 1000;
const LENGTH = 10 * 1024;
const CONCURRENCY = 20;
const ROUNDS = 7;
// The unit of processor times in `/proc`, in milliseconds.
const TICK = 10;

if (process.send) {
  const body = Buffer.alloc(LENGTH, 'urlsession ');
  const server = http.createServer((request, response) => response.end(body));
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
  process.once('disconnect', () => process.exit());
} else {
  await compare();
}

async function compare() {
  const home = mkdtempSync(path.join(tmpdir(), 'urlsession-bench-'));
  process.env.URLSESSION_HOME ??= home;
  const { Session } = await import('../index.mjs');
  const undici = await import('undici').catch(() => undefined);
  const server = fork(fileURLToPath(import.meta.url));
  const port = await new Promise((resolve) => { server.once('message', resolve); });
  const url = `http://127.0.0.1:${port}/`;
  const session = new Session({ identifier: 'bench', maximumConnectionsPerHost: CONCURRENCY });
  const contestants = [{ name: 'urlsession', download: (file) => session.download(url, { destination: file }) }];
  if (undici) contestants.push({ name: 'undici', download: limited(byUndici(undici, url)) });
  const daemon = daemonTime();
  for (const contestant of contestants) contestant.costs = [];
  // The first round warms up; each begins with another one.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const contestant of round % 2 ? contestants : contestants.toReversed()) {
      const cost = await measured(path.join(home, `${contestant.name}-${round}`), contestant.download, daemon);
      if (round > 0) contestant.costs.push(cost);
    }
  }
  report(contestants);
  await session.invalidateAndCancel();
  server.disconnect();
  rmSync(home, { recursive: true, force: true });
}

function report([ours, theirs]) {
  const of = (contestant, what) => median(contestant?.costs.map((cost) => cost[what]) ?? []);
  const line = (title, what) => {
    const [mine, other] = [of(ours, what), of(theirs, what)];
    const shown = theirs ? `undici ${other.toFixed(0)} ms, ratio ${(mine / other).toFixed(2)}` : 'undici missing';
    console.log(`${title}urlsession ${mine.toFixed(0)} ms, ${shown}`);
  };
  line('', 'wall');
  line('processor time: ', 'cpu');
}

function byUndici(undici, url) {
  const dispatcher = new undici.Agent({ connections: CONCURRENCY });
  return async (file) => {
    const { body } = await undici.request(url, { dispatcher });
    await pipeline(body, createWriteStream(file));
  };
}

async function measured(name, download, daemon) {
  const [usage, before, start] = [process.cpuUsage(), daemon(), performance.now()];
  await Promise.all(Array.from({ length: COUNT }, (_, index) => download(`${name}-${index}`)));
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(usage);
  return { wall, cpu: (user + system) / 1000 + daemon() - before };
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
