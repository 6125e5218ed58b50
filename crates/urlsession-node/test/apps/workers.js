// Two workers, one after the other, have the same session; the first is terminated.
'use strict';

const { once } = require('node:events');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { Session } = require('../../index.js');

if (isMainThread) {
  main();
} else {
  new Session({ identifier: 'worker' }).data(workerData).then(({ response }) => parentPort.postMessage(response.statusCode));
}

async function main() {
  for (const round of ['first', 'second']) {
    const worker = new Worker(__filename, { workerData: process.argv[2] });
    const [status] = await once(worker, 'message');
    await worker.terminate();
    console.log(round, status);
  }
}
