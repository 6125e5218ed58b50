// Its daemon is killed in the middle of a transfer.
import { execFileSync } from 'node:child_process';
import http from 'node:http';
import { Session } from '../../index.mjs';

const daemon = () => JSON.parse(execFileSync(process.env.URLSESSION_DAEMON, ['daemon', 'status', '--json'])).pid;
let first;
const server = http.createServer((request, response) => {
  if (first === undefined) {
    first = daemon();
    process.kill(first, 'SIGKILL');
    return;
  }
  response.end('body');
});
await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
const session = new Session({ identifier: 'daemonless' });
const { response } = await session.download(`http://127.0.0.1:${server.address().port}/`);
console.log(response.statusCode);
console.log(daemon() === first ? 'the same daemon' : 'another daemon');
server.close();
server.closeAllConnections();
