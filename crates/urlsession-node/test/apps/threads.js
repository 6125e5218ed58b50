// The main thread has a session; a worker wants it too, and is terminated.
'use strict';

const { once } = require('node:events');
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { Session } = require('../../index.js');

const options = { identifier: 'threads' };

if (isMainThread) {
  main();
} else {
  try {
    new Session(options);
    parentPort.postMessage('none');
  } catch (error) {
    parentPort.postMessage(error.code);
  }
}

async function main() {
  const session = new Session(options);
  const worker = new Worker(__filename);
  const [code] = await once(worker, 'message');
  await worker.terminate();
  console.log(code);
  const { response } = await session.data(process.argv[2]);
  console.log(response.statusCode);
}
