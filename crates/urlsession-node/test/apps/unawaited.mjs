// Waits for none of its transfers, all of which fail: at once, or at the server.
import http from 'node:http';
import { Session } from '../../index.mjs';

const server = http.createServer((request, response) => response.destroy());
await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
const url = `http://127.0.0.1:${server.address().port}/`;
const session = new Session({ configuration: 'ephemeral' });
process.on('unhandledRejection', ({ code, name }) => console.log(code ?? name));
const tried = { maximumRetries: 0 };
const task = session.dataTask(url, tried);
session.download('foobar://a');
session.upload(url, 'missing');
session.data(url, { metod: 'GET' });
session.data(url, { signal: AbortSignal.abort() });
await Promise.allSettled([task.finished]);
session.data(url, tried).finally(() => server.close());
