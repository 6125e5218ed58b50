// Downloads as many files as it is told, one record a line on stdout; it may be killed at any line and started again.
'use strict';

const fs = require('node:fs');
const { native } = require('../../lib/native.js');
const urlSession = require('../../index.js');

const [url, count, folder] = process.argv.slice(2);
const records = `${folder}/records`;

// What the daemon delivers and what it is told to forget, below all of the module's own logic.
const { prototype } = native().NativeSession;
const { acknowledge } = prototype;
prototype.acknowledge = function acknowledged(numbers) {
  acknowledge.call(this, numbers);
  numbers.forEach((number) => record(`acknowledged ${number}`));
};
const Native = native().NativeSession;
native().NativeSession = class extends Native {
  takeEvents() {
    const batch = super.takeEvents();
    for (const { eventNumber } of batch ? JSON.parse(batch.events) : []) {
      if (eventNumber !== undefined) record(`delivered ${eventNumber}`);
    }
    return batch;
  }
};

Ti.App.iOS.addEventListener('downloadcompleted', ({ taskIdentifier, data }) => {
  Ti.Filesystem.getFile(folder, `${taskIdentifier}.bin`).write(data);
  record(`file ${taskIdentifier} ${data.length}`);
});
Ti.App.iOS.addEventListener('sessioncompleted', ({ taskIdentifier, success }) => {
  record(`completed ${taskIdentifier} ${success}`);
});

const session = urlSession.createSession({
  configuration: urlSession.createSessionConfiguration({ identifier: 'many' }),
});
const created = fs.existsSync(records) ? fs.readFileSync(records, 'utf8').match(/^created /gm)?.length ?? 0 : 0;
for (let index = created; index < Number(count); index += 1) {
  record(`created ${session.downloadTask({ url })}`);
}

function record(line) {
  fs.appendFileSync(records, `${line}\n`);
  fs.writeSync(1, `${line}\n`);
}
