// The options of a session by name: ours, and all of Apple's `URLSessionConfiguration`, so that none is ignored.
'use strict';

const {
  checkedValue, count, fields, flag, handler, milliseconds, numberOrText, object, size, text, texts, unknown,
} = require('./checks.js');
const { CREDENTIAL, PROXY, TLS } = require('./fields.js');

const OPTIONS = new Map(Object.entries({
  configuration: text,
  identifier: text,
  applicationId: text,
  headers: fields,
  launchCommand: texts,
  timeoutIntervalForRequest: milliseconds,
  timeoutIntervalForResource: milliseconds,
  waitsForConnectivity: flag,
  maximumConnectionsPerHost: count(1),
  maximumConcurrentTasks: count(1),
  httpCookieAcceptPolicy: text,
  httpShouldSetCookies: flag,
  httpCookieStorage: text,
  usesStrictTransportSecurity: flag,
  requestCachePolicy: text,
  urlCache: object(new Map([['memoryCapacity', size], ['diskCapacity', size]]), ['memoryCapacity', 'diskCapacity']),
  connectionProxy: PROXY,
  tls: TLS,
  caCertificates: texts,
  credential: CREDENTIAL,
  onDelayedRequest: handler,
  onChallenge: handler,
  onRedirection: handler,
  answersChallenges: flag,
  urlCredentialStorage: text,
  http3: text,
  segments: numberOrText,
}));

const calledHere = (name) => ({ why: `is called \`${name}\` here` });
const onlyHere = (only, why) => ({ only, why });

/** What Apple's properties are that are no options of ours: a value that changes nothing, or why there is none. */
const APPLE = {
  HTTPAdditionalHeaders: calledHere('headers'),
  HTTPMaximumConnectionsPerHost: calledHere('maximumConnectionsPerHost'),
  HTTPShouldSetCookies: calledHere('httpShouldSetCookies'),
  HTTPCookieAcceptPolicy: calledHere('httpCookieAcceptPolicy'),
  HTTPCookieStorage: calledHere('httpCookieStorage'),
  URLCache: calledHere('urlCache'),
  URLCredentialStorage: calledHere('urlCredentialStorage'),
  connectionProxyDictionary: calledHere('connectionProxy'),
  proxyConfigurations: calledHere('connectionProxy'),
  TLSMinimumSupportedProtocolVersion: calledHere('tls.minimumVersion'),
  TLSMaximumSupportedProtocolVersion: calledHere('tls.maximumVersion'),
  TLSMinimumSupportedProtocol: calledHere('tls.minimumVersion'),
  TLSMaximumSupportedProtocol: calledHere('tls.maximumVersion'),
  sessionSendsLaunchEvents: calledHere('launchCommand'),
  isDiscretionary: onlyHere(false, 'is not supported: no system service chooses the time of transfers here'),
  networkServiceType: onlyHere('default', 'is not supported: connections have no class of service here'),
  allowsCellularAccess: onlyHere(true, 'is not supported: the kind of a network is not known here'),
  allowsExpensiveNetworkAccess: onlyHere(true, 'is not supported: the cost of a network is not known here'),
  allowsConstrainedNetworkAccess: onlyHere(true, 'is not supported: no network has a low data mode here'),
  allowsUltraConstrainedNetworkAccess: onlyHere(false, 'is not supported: the kind of a network is not known here'),
  requiresDNSSECValidation: onlyHere(false, 'is not supported: the system resolver does not tell what it validated'),
  HTTPShouldUsePipelining: onlyHere(false, 'is not supported: requests are never pipelined'),
  shouldUseExtendedBackgroundIdleMode: onlyHere(false, 'is not supported: connections belong to the daemon'),
  multipathServiceType: onlyHere('none', 'is not supported: connections have one path'),
  usesClassicLoadingMode: onlyHere(false, 'is not supported: there is one loader'),
  enablesEarlyData: onlyHere(false, 'is not supported: no request is sent before the handshake has ended'),
  sharedContainerIdentifier: { why: 'is not supported: files belong to the user, not to a container' },
  protocolClasses: { why: 'is not supported: sessions speak http and https only' },
};

/** Returns the options that are there; throws for those that there are not, or that cannot be what they are. */
function knownOptions(options) {
  const known = {};
  for (const [name, value] of Object.entries(options)) {
    const apple = Object.hasOwn(APPLE, name) ? APPLE[name] : undefined;
    const isThere = value !== undefined && value !== null;
    if (OPTIONS.has(name)) {
      if (isThere) known[name] = checkedValue(value, OPTIONS.get(name), name);
    } else if (apple === undefined) {
      throw new TypeError(unknown(name, new Map([...OPTIONS, ...Object.entries(APPLE)])));
    } else if (isThere && (apple.only === undefined || value !== apple.only)) {
      // What is left out, or is so anyway, needs no refusal.
      throw new TypeError(`The option \`${name}\` ${apple.why}`);
    }
  }
  return known;
}

module.exports = { APPLE, OPTIONS, knownOptions };
