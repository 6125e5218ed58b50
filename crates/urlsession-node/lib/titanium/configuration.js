// What a session is to be like: Titanium's SessionConfiguration, always of the background kind.
'use strict';

const { checkedValue } = require('../modern/checks.js');
const { OPTIONS } = require('../modern/configuration.js');
const { check, checkHeaders, checkOptional } = require('./arguments.js');

/** What is here instead of the handlers that sessions of promises have. */
const INSTEAD = new Map(Object.entries({
  onChallenge: 'set `answersChallenges: true`, and answer the event `challengereceived` by `session.answer`',
  onDelayedRequest: 'answer the event `requestdelayed` by `session.edit`',
  onRedirection: 'redirects are followed without asking',
}));

class SessionConfiguration {
  #identifier;
  #headers = {};
  #others;

  constructor({ identifier, HTTPHeaderFields, ...others }) {
    check(identifier, 'String');
    if (identifier === '') throw new Error('The identifier of a session configuration must not be empty');
    this.#identifier = identifier;
    if (HTTPHeaderFields !== undefined) this.HTTPHeaderFields = HTTPHeaderFields;
    checkOptional(others.applicationId, 'String');
    this.#others = known(others);
  }

  get identifier() {
    return this.#identifier;
  }

  /** A copy: like Apple's, a configuration is changed by setting it whole. */
  get HTTPHeaderFields() {
    return { ...this.#headers };
  }

  /** Has no effect on sessions that were created before. */
  set HTTPHeaderFields(fields) {
    checkHeaders(fields);
    this.#headers = { ...fields };
  }

  /** Returns what else was given of the options that sessions have. */
  static others(configuration) {
    return configuration.#others;
  }

  /** Returns a configuration that later edits of this one do not reach. */
  static copy(configuration) {
    return new SessionConfiguration({
      ...configuration.#others,
      identifier: configuration.identifier,
      HTTPHeaderFields: configuration.HTTPHeaderFields,
    });
  }

  toJSON() {
    return { identifier: this.#identifier, HTTPHeaderFields: this.#headers };
  }
}

// `null` is nothing to Titanium, and what a session has not is the app's own.
function known(others) {
  const handler = Object.keys(others).find((name) => INSTEAD.has(name) && (others[name] ?? null) !== null);
  if (handler) throw new TypeError(`The option \`${handler}\` is never called here: ${INSTEAD.get(handler)}`);
  const entries = Object.entries(others).filter(([name, value]) => OPTIONS.has(name) && value !== undefined && value !== null);
  return Object.fromEntries(entries.map(([name, value]) => [name, checkedValue(value, OPTIONS.get(name), name)]));
}

module.exports = { SessionConfiguration };
