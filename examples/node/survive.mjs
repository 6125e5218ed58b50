// Starts downloads in one process and takes their files in another; kill it as often as you like in between.
//
//   node survive.mjs https://example.com/a https://example.com/b
//   node survive.mjs
import { copyFile } from 'node:fs/promises';
import { Session } from 'urlsession';

const session = new Session({ identifier: 'com.example.survive' });

for (const url of process.argv.slice(2)) {
  const { taskIdentifier } = session.downloadTask(url, { description: new URL(url).pathname });
  console.log(`task ${taskIdentifier}: ${url}`);
}

// Ends when nothing is left. Asking for the next event says that this one was handled.
for await (const event of session.events()) {
  if (event.name === 'didFinishDownloading') {
    await copyFile(event.path, `task-${event.taskIdentifier}`);
    console.log(`task-${event.taskIdentifier}: ${event.length} bytes`);
  }
  if (event.name === 'didComplete' && event.error) {
    console.log(`task ${event.taskIdentifier}: ${event.error.message} (${event.error.code})`);
  }
}
