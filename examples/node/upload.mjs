// Uploads a file and prints the answer; gives up, and cancels the task, after a minute.
//
//   node upload.mjs https://example.com/upload report.pdf
import { Session } from 'urlsession';

const [url, file] = process.argv.slice(2);
const session = new Session({
  identifier: 'com.example.upload',
  headers: { Authorization: `Bearer ${process.env.TOKEN ?? 'none'}` },
});

const { response, text, metrics } = await session.upload(url, file, {
  method: 'PUT',
  headers: { 'Content-Type': 'application/octet-stream' },
  signal: AbortSignal.timeout(60_000),
});
console.log(`status ${response.statusCode}, ${metrics.bytesSent} bytes sent`);
console.log(text());
