// Its sessions end while it goes on: what their handlers hold must go with them. Runs with `--expose-gc`.
import http from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { Session } from '../../index.mjs';

const TURNS = 100;

const server = http.createServer((request, response) => response.end());
await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
for (const options of [{ configuration: 'ephemeral' }, { identifier: 'forgets' }]) {
  const held = await ended(options);
  for (let count = 0; count < TURNS && held.deref(); count += 1) {
    await turn();
    globalThis.gc();
  }
  console.log(held.deref() ? 'kept' : 'forgotten');
}
server.close();

async function ended(options) {
  const handler = () => {};
  const session = new Session({ ...options, onChallenge: handler });
  await session.data(`http://127.0.0.1:${server.address().port}/`);
  await session.invalidateAndCancel();
  return new WeakRef(handler);
}
