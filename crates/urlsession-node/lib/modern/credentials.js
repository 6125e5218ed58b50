// The credentials that are kept for the application of a session.
'use strict';

const { addressText, checked, object, text } = require('./checks.js');
const { KEPT } = require('./fields.js');

const REALM = object(new Map([['realm', text]]));

class Credentials {
  #attachment;

  constructor(attachment) {
    this.#attachment = attachment;
  }

  /** Lists what is kept, without the passwords. */
  async list() {
    return this.#attachment.credentials();
  }

  /** Keeps a credential for the server of a URL, or for the part of it that is called `realm`. */
  async set(url, credential) {
    const { user, password, persistence = 'permanent', realm } = checked(credential, KEPT, { of: ' of a kept credential' });
    await this.#attachment.setCredential(addressText(url), realm, { user, password, persistence });
  }

  /** Forgets the credentials of a server, of a part of it, or all; resolves with how many. */
  async remove(url, options = {}) {
    const { realm } = checked(options, REALM, { of: ' of a removal' });
    if (url === undefined && realm !== undefined) throw new TypeError('A realm is a part of a server: name its URL');
    return this.#attachment.removeCredentials(url === undefined ? undefined : addressText(url), realm);
  }
}

module.exports = { Credentials };
