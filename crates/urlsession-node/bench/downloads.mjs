// 1,000 downloads of 10 KiB into files, beside undici with the same concurrency: medians of one interleaved run.
//
//   URLSESSION_ADDON=… URLSESSION_DAEMON=… node bench/downloads.mjs, of a release build; `npm install --no-save undici`
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';

const COUNT = 1000;
const LENGTH = 10 * 1024;
const CONCURRENCY = 20;
const ROUNDS = 5;

if (isMainThread) {
  await compare();
} else {
  const body = Buffer.alloc(LENGTH, 'urlsession ');
  const server = http.createServer((request, response) => response.end(body));
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
}

async function compare() {
  const home = mkdtempSync(path.join(tmpdir(), 'urlsession-bench-'));
  process.env.URLSESSION_HOME ??= home;
  const { Session } = await import('../index.mjs');
  const undici = await import('undici').catch(() => undefined);
  const server = new Worker(new URL(import.meta.url));
  const port = await new Promise((resolve) => { server.once('message', resolve); });
  const url = `http://127.0.0.1:${port}/`;
  const session = new Session({ identifier: 'bench', maximumConnectionsPerHost: CONCURRENCY });
  const ours = (file) => session.download(url, { destination: file });
  const agent = undici && new undici.Agent({ connections: CONCURRENCY });
  const theirs = async (file) => {
    const { body } = await undici.request(url, { dispatcher: agent });
    await pipeline(body, createWriteStream(file));
  };
  const times = { urlsession: [], undici: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    times.urlsession.push(await timed(home, `ours-${round}`, (file) => ours(file)));
    if (undici) times.undici.push(await timed(home, `theirs-${round}`, limited(theirs)));
  }
  const [mine, other] = [median(times.urlsession), median(times.undici)];
  console.log(`urlsession ${mine.toFixed(0)} ms, undici ${other?.toFixed(0) ?? 'missing'} ms, ratio ${(mine / other).toFixed(2)}`);
  await session.invalidateAndCancel();
  await server.terminate();
  rmSync(home, { recursive: true, force: true });
}

async function timed(home, name, download) {
  const start = performance.now();
  await Promise.all(Array.from({ length: COUNT }, (_, index) => download(path.join(home, `${name}-${index}`))));
  return performance.now() - start;
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
