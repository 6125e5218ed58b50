// Downloads a URL to a file and shows how far it is; Ctrl-C stops this program, not the transfer.
//
//   node download.mjs https://example.com/large.iso large.iso
import { Session, URLSessionError } from 'urlsession';

const [url, destination] = process.argv.slice(2);
const session = new Session({ identifier: 'com.example.download' });

try {
  const { path, length, response } = await session.download(url, {
    destination,
    failOnHttpError: true,
    onProgress: ({ received, total = '?' }) => console.error(`${received} of ${total} bytes`),
  });
  console.log(`${path}: ${length} bytes, status ${response.statusCode}`);
} catch (error) {
  if (!(error instanceof URLSessionError)) throw error;
  console.error(`${error.failingURL}: ${error.message} (${error.code})`);
  process.exitCode = 1;
}
