// Compiled with `tsc --strict`, never run: the modern face as an app would use it.
import urlSession, { Session, Ti, URLSessionError, type Event } from 'urlsession';
import { simulate, type Simulation } from 'urlsession/testing';

const session = new Session({ identifier: 'a', headers: [['A', 'b']], timeoutIntervalForRequest: 5 });
const { path, response, metrics } = await session.download('https://example.com/a', {
  destination: new URL('file:///tmp/a'),
  signal: AbortSignal.timeout(5),
  onProgress: ({ received, total }) => received! / (total ?? 1),
  priority: 1,
});
const status: number | undefined = response?.statusCode;
const type: string | null | undefined = response?.headers.get('content-type');
const sent: number = (await session.upload('https://example.com', new Uint8Array(5))).metrics.bytesSent;
const text: string = (await session.data('https://example.com', { body: { a: 1 } })).text();
for (const task of await session.tasks()) {
  const state: 'running' | 'suspended' | 'canceling' | 'completed' = task.state;
  await session.task(task.taskIdentifier).finished;
}
for await (const event of session.events()) {
  const name: Event['name'] = event.name;
  if (event.error instanceof URLSessionError) console.log(event.error.code, event.error.failingURL);
  event.acknowledge();
}
new Session({
  identifier: 'b',
  connectionProxy: { https: 'socks5h://proxy.example', exceptions: ['.local'] },
  tls: { minimumVersion: '1.3', httpsOnly: true },
});
const own = new Session({
  configuration: 'ephemeral',
  urlCache: { memoryCapacity: 1_000_000, diskCapacity: 0 },
  onRedirection: ({ newRequest, response: { statusCode } }) => (statusCode === 303 ? null : { ...newRequest, headers: {} }),
});
new Session({ configuration: 'default', waitsForConnectivity: true });
// @ts-expect-error a background session always waits for connectivity
new Session({ identifier: 'c', waitsForConnectivity: false });
const unnamed: string | undefined = own.identifier;
// @ts-expect-error a background session has an identifier
new Session({ headers: {} });
// @ts-expect-error a background session keeps no responses
new Session({ identifier: 'c', urlCache: { memoryCapacity: 1, diskCapacity: 1 } });
session.download('https://example.com/a', { connectionProxy: {}, suggestedFilename: 'take-free' });
// @ts-expect-error TLS 1.1 is not spoken
session.data('https://example.com', { tls: { minimumVersion: '1.1' } });
const delayed = session.downloadTask('https://example.com/a', {
  credential: { user: 'me', password: 'secret' },
  recoverableStatuses: [403],
  onDelayedRequest: async ({ error }) => (error?.statusCode === 403 ? { url: 'https://example.com/b' } : 'cancel'),
});
await delayed.edit({ headers: { Authorization: 'Bearer b' } });
await session.edit(delayed, {});
await session.edit(1, { url: new URL('https://example.com/c') });
new Session({
  identifier: 'c',
  onChallenge: async ({ protectionSpace, previousFailureCount }) =>
    previousFailureCount > 2 ? 'performDefaultHandling' : { user: protectionSpace.host, password: 'a', persistence: 'permanent' },
});
await session.credentials.set('https://example.com', { user: 'me', password: 'secret', realm: 'the house' });
const kept: string[] = (await session.credentials.list()).map(({ user }) => user);
const cookies: number = await session.cookies.set(await session.cookies.list('example.com'));
await session.cookies.set({ name: 'a', value: 'b', domain: 'example.com', expires: new Date(0), sameSite: 'lax' });
const hosts: number = await session.knownHosts.add(await session.knownHosts.list());
// @ts-expect-error no such disposition
session.downloadTask('https://example.com/a', { onDelayedRequest: () => 'later' });
// @ts-expect-error an identifier is needed
new Session({});
// @ts-expect-error a task is made by a session
new (session.task(1).constructor as typeof import('urlsession').Task)();
// @ts-expect-error bytes, a path or a file URL
session.upload('https://example.com', 5);
urlSession.createSession({ configuration: urlSession.createSessionConfiguration({ identifier: Ti.App.id }) });
const world: Simulation = await simulate('network down');
const home: string = world.home;
const elapsed: number = world.elapsed;
await world.stop();
console.log(home, elapsed, path, metrics.started, status, type, sent, text);
