// The options of a session by name: ours, and all of Apple's `URLSessionConfiguration`, so that none is ignored.
'use strict';

const OPTIONS = new Set([
  'identifier', 'applicationId', 'headers', 'launchCommand', 'timeoutIntervalForRequest', 'timeoutIntervalForResource',
  'maximumConnectionsPerHost', 'maximumConcurrentTasks', 'httpCookieAcceptPolicy', 'httpShouldSetCookies',
  'httpCookieStorage', 'requestCachePolicy', 'urlCache', 'connectionProxy', 'tls', 'caCertificates', 'credential',
  'onDelayedRequest', 'onChallenge', 'answersChallenges', 'urlCredentialStorage', 'http3', 'segments',
]);

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
  waitsForConnectivity: onlyHere(true, 'cannot be false: a background session always waits for the network'),
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
  protocolClasses: { why: 'is not supported: a background session speaks http and https only' },
};

/** Throws for options that there are not; returns the others. */
function knownOptions(options) {
  const known = {};
  for (const [name, value] of Object.entries(options)) {
    const apple = Object.hasOwn(APPLE, name) ? APPLE[name] : undefined;
    if (OPTIONS.has(name)) known[name] = value;
    else if (apple === undefined) throw new TypeError(`There is no option \`${name}\``);
    // What is left out, or is so anyway, needs no refusal.
    else if (value !== undefined && value !== null && (apple.only === undefined || value !== apple.only)) {
      throw new TypeError(`The option \`${name}\` ${apple.why}`);
    }
  }
  return known;
}

module.exports = { APPLE, OPTIONS, knownOptions };
