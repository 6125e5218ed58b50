// What servers want remembered, as far as a session sees it: Apple's HTTPCookieStorage, and known hosts.
'use strict';

const { checked, checkedValue, text } = require('./checks.js');
const { COOKIE, KNOWN_HOST } = require('./fields.js');

class Cookies {
  #attachment;

  constructor(attachment) {
    this.#attachment = attachment;
  }

  /** Lists the cookies of a domain and of all hosts below it, or all. */
  async list(domain) {
    const listed = await this.#attachment.cookies(named(domain, 'domain'));
    return listed.map(({ expires, created, ...cookie }) => ({ ...cookie, ...dated(expires), created: new Date(created) }));
  }

  /** Keeps one cookie or a list; resolves with how many were taken: those that no server could set are not. */
  async set(cookies) {
    return this.#attachment.setCookies(list(cookies).map(readCookie));
  }

  /** Forgets the cookies of a domain and of all hosts below it, or all; resolves with how many. */
  async remove(domain) {
    return this.#attachment.clearCookies(named(domain, 'domain'));
  }
}

class KnownHosts {
  #attachment;

  constructor(attachment) {
    this.#attachment = attachment;
  }

  /** Lists the hosts that are asked over https only. */
  async list() {
    const listed = await this.#attachment.knownHosts();
    return listed.map(({ expires, ...host }) => ({ ...host, ...dated(expires) }));
  }

  /** Adds one host or a list, as if they had said it themselves; resolves with how many were taken. */
  async add(hosts) {
    return this.#attachment.addKnownHosts(list(hosts).map(readHost));
  }

  /** Forgets one host, or all; resolves with how many. */
  async remove(host) {
    return this.#attachment.clearKnownHosts(named(host, 'host'));
  }
}

function readCookie(cookie) {
  const { domain, ...fields } = checked(cookie, COOKIE, { of: ' of a cookie' });
  const { hostOnly = !domain.startsWith('.'), path = '/', secure = false, httpOnly = false } = fields;
  return { ...fields, domain, hostOnly, path, secure, httpOnly, ...numbered(fields, 'expires', 'created') };
}

function readHost(host) {
  const { includeSubdomains = false, ...fields } = checked(host, KNOWN_HOST, { of: ' of a known host' });
  return { ...fields, includeSubdomains, ...numbered(fields, 'expires') };
}

const list = (one) => (Array.isArray(one) ? one : [one]);

const dated = (expires) => (expires === undefined || expires === null ? {} : { expires: new Date(expires) });

const numbered = (fields, ...names) => Object.fromEntries(
  names.filter((name) => fields[name] !== undefined).map((name) => [name, Number(fields[name])]),
);

/** A name that is left out means all; another value must be one. */
const named = (value, name) => (value === undefined ? undefined : checkedValue(value, text, name));

module.exports = { Cookies, KnownHosts };
