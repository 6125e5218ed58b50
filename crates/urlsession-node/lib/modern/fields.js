// The objects that options of sessions and of tasks have in common, and what may be in them.
'use strict';

const { address, count, date, fields, flag, milliseconds, object, objects, statuses, text, texts } = require('./checks.js');

/** A name and a password. */
const CREDENTIAL = object(new Map(Object.entries({ user: text, password: text, persistence: text })), ['user', 'password']);

/** A credential that is kept for a server. */
const KEPT = object(new Map([...CREDENTIAL.table, ['realm', text]]), ['user', 'password']);

/** What a server wants to see again. */
const COOKIE = object(
  new Map(Object.entries({
    name: text, value: text, domain: text, hostOnly: flag, path: text, secure: flag, httpOnly: flag, sameSite: text,
    expires: date, created: date,
  })),
  ['name', 'value', 'domain'],
);

/** A host that is asked over https only. */
const KNOWN_HOST = object(
  new Map(Object.entries({ host: text, includeSubdomains: flag, expires: date })),
  ['host', 'expires'],
);

/** A certificate of ours. */
const CERTIFICATE = object(
  new Map(Object.entries({ clientCertificate: text, clientKey: text, clientCertificatePassword: text })),
  ['clientCertificate'],
);

const TLS = object(new Map([
  ...CERTIFICATE.table,
  ...Object.entries({
    minimumVersion: text, maximumVersion: text, pinnedPublicKeys: texts, allowAnyCertificate: flag, httpsOnly: flag,
  }),
]));

const PROXY = object(new Map(Object.entries({
  http: text, https: text, exceptions: texts, tunnels: flag, headers: fields, speaksHttp10: flag, tls: TLS, caCertificates: texts,
})));

/** A server, and where connections to it go instead. */
const ELSEWHERE = object(new Map(Object.entries({
  host: text, port: count(1, 65535), toHost: text, toPort: count(1, 65535), isLocal: flag,
})));

/** How a request goes out. */
const POLICY = object(new Map(Object.entries({
  omittedHeaders: texts, keepsPost: statuses(301, 303), sendsGetBody: flag, trustsRedirects: flag,
  target: text, path: text,
  connectTo: objects(ELSEWHERE), tellsReferer: flag, refusesHttps: flag, httpVersion: text, authenticationMethod: text,
  timeoutIntervalForConnection: milliseconds, ipVersion: text, requiredInterface: text, unixSocket: text, redirectSchemes: texts,
  acceptsTransferCodings: flag,
})));

/** How slow a transfer may be, and for how long. */
const LOWEST_SPEED = object(
  new Map(Object.entries({ bytesPerSecond: count(1, Number.MAX_SAFE_INTEGER), seconds: count(1, 86_400) })),
  ['bytesPerSecond', 'seconds'],
);

/** What replaces parts of a request. */
const EDIT = object(new Map(Object.entries({ url: address, headers: fields, credential: CREDENTIAL })));

/** What is asked for after a redirect. */
const NEW_REQUEST = object(new Map(Object.entries({ url: address, method: text, headers: fields })), ['url']);

module.exports = { CERTIFICATE, COOKIE, CREDENTIAL, EDIT, ELSEWHERE, KEPT, KNOWN_HOST, LOWEST_SPEED, NEW_REQUEST, POLICY, PROXY, TLS };
