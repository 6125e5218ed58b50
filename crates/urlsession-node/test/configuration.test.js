// Every property of Apple's `URLSessionConfiguration` is an option, or is refused by name.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { APPLE, OPTIONS, knownOptions } = require('../lib/modern/configuration.js');

// Apple's whole list, of all systems, in the order of its documentation; `=` is a name of ours as it is.
const PROPERTIES = [
  'identifier=', 'HTTPAdditionalHeaders', 'networkServiceType', 'allowsCellularAccess', 'timeoutIntervalForRequest=',
  'timeoutIntervalForResource=', 'sharedContainerIdentifier', 'waitsForConnectivity=', 'HTTPCookieAcceptPolicy',
  'HTTPShouldSetCookies', 'HTTPCookieStorage', 'TLSMaximumSupportedProtocolVersion',
  'TLSMinimumSupportedProtocolVersion', 'TLSMaximumSupportedProtocol', 'TLSMinimumSupportedProtocol',
  'URLCredentialStorage', 'URLCache', 'requestCachePolicy=', 'sessionSendsLaunchEvents', 'isDiscretionary',
  'shouldUseExtendedBackgroundIdleMode', 'protocolClasses', 'multipathServiceType', 'HTTPMaximumConnectionsPerHost',
  'HTTPShouldUsePipelining', 'connectionProxyDictionary', 'proxyConfigurations', 'allowsConstrainedNetworkAccess',
  'allowsExpensiveNetworkAccess', 'allowsUltraConstrainedNetworkAccess', 'requiresDNSSECValidation',
  'usesClassicLoadingMode', 'enablesEarlyData',
];

for (const property of PROPERTIES) {
  const name = property.replace('=', '');
  test(`the property ${name}`, () => {
    if (property.endsWith('=')) return assert.ok(OPTIONS.has(name));
    assert.throws(() => knownOptions({ [name]: 'what it cannot be' }), (error) => {
      assert.ok(error instanceof TypeError);
      assert.ok(error.message.startsWith(`The option \`${name}\` `) && error.message.length > name.length + 30);
      return true;
    });
    const { only, why } = APPLE[name];
    if (only !== undefined) assert.deepEqual(knownOptions({ [name]: only }), {});
    assert.deepEqual(knownOptions({ [name]: undefined }), {});
    const called = /^is called `([^`.]+)/.exec(why)?.[1];
    return assert.ok(called === undefined || OPTIONS.has(called), called);
  });
}

test('nothing is known beside that list, and the page tells of all of it', () => {
  assert.deepEqual(Object.keys(APPLE).sort(), PROPERTIES.filter((name) => !name.endsWith('=')).sort());
  const page = fs.readFileSync(path.join(__dirname, '../../../docs/configuration.md'), 'utf8');
  for (const property of PROPERTIES) assert.ok(page.includes(`\`${property.replace('=', '')}\``), property);
  assert.throws(() => knownOptions({ identfier: 'a' }), /There is no option `identfier`/);
  assert.deepEqual(knownOptions({ identifier: 'a', tls: {} }), { identifier: 'a', tls: {} });
});
