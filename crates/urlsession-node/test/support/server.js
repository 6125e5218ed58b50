// A server on loopback that answers as its paths say, and remembers what it was asked.
'use strict';

const { createHash } = require('node:crypto');
const http = require('node:http');
const { Readable } = require('node:stream');

const CHUNK = Buffer.alloc(1024 * 1024, 'urlsession ');

class Server {
  requests = [];
  held = [];
  #http = http.createServer((request, response) => this.#answer(request, response));

  /** Starts one; the test stops it. */
  static async start() {
    const server = new Server();
    await new Promise((resolve) => { server.#http.listen(0, '127.0.0.1', resolve); });
    return server;
  }

  stop() {
    this.#http.close();
    this.#http.closeAllConnections();
  }

  url(path) {
    return `http://127.0.0.1:${this.#http.address().port}${path}`;
  }

  /** Answers the requests that were held back. */
  release() {
    this.held.splice(0).forEach((answer) => answer());
  }

  async #answer(request, response) {
    const hash = createHash('sha256');
    let length = 0;
    for await (const chunk of request) {
      hash.update(chunk);
      length += chunk.length;
      if (length <= CHUNK.length) request.body = Buffer.concat([request.body ?? Buffer.alloc(0), chunk]);
    }
    Object.assign(request, { length, sha256: hash.digest('hex') });
    this.requests.push(request);
    const [, name, argument] = request.url.split('/');
    const handler = handlers[name] ?? handlers.echo;
    handler({ request, response, argument, server: this });
  }
}

const handlers = {
  bytes({ response, argument }) {
    response.setHeader('Content-Length', argument);
    bytes(Number(argument)).pipe(response);
  },
  chunked({ response, argument }) {
    bytes(Number(argument)).pipe(response);
  },
  status({ response, argument }) {
    response.writeHead(Number(argument), { 'Content-Type': 'text/plain' });
    response.end(`status ${argument}`);
  },
  named({ response, argument }) {
    response.writeHead(200, { 'Content-Disposition': `attachment; filename=${argument}` });
    response.end('named');
  },
  redirect({ response }) {
    response.writeHead(302, { Location: '/echo' });
    response.end();
  },
  // Refuses whoever does not say the word: `/bearer/word` or `/basic/user:password`.
  bearer({ request, response, argument }) {
    if (request.headers.authorization === `Bearer ${argument}`) return response.end('let in');
    response.writeHead(403);
    return response.end();
  },
  basic({ request, response, argument }) {
    const expected = `Basic ${Buffer.from(decodeURIComponent(argument)).toString('base64')}`;
    if (request.headers.authorization === expected) return response.end('let in');
    response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="the house"' });
    return response.end('who is there?');
  },
  latin1({ response }) {
    response.setHeader('Content-Type', 'application/json; charset=ISO-8859-1');
    response.end(Buffer.from('{"name":"Zoë"}', 'latin1'));
  },
  binary({ response }) {
    response.end(Buffer.from([0xff, 0xfe, 0x00, 0x80]));
  },
  // Half of the bytes, then nothing; the rest to whoever asks for it.
  halves({ request, response, argument }) {
    const length = Number(argument);
    const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
    const head = { ETag: '"half"', 'Accept-Ranges': 'bytes' };
    if (from === undefined) {
      response.writeHead(200, { ...head, 'Content-Length': length });
      response.write(CHUNK.subarray(0, length / 2));
    } else {
      response.writeHead(206, { ...head, 'Content-Range': `bytes ${from}-${length - 1}/${length}` });
      response.end(CHUNK.subarray(Number(from), length));
    }
  },
  // A part of the file, and its rest when three more have been asked for.
  async ranges({ request, response, argument, server }) {
    const length = Number(argument);
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const head = { ETag: '"ranges"', 'Accept-Ranges': 'bytes' };
    if (from !== undefined) {
      response.writeHead(206, { ...head, 'Content-Range': `bytes ${from}-${to}/${length}` });
      return response.end(CHUNK.subarray(Number(from), Number(to) + 1));
    }
    response.writeHead(200, { ...head, 'Content-Length': length });
    response.write(CHUNK.subarray(0, length / 8));
    const all = () => server.requests.filter(({ url }) => url === request.url).length >= 4;
    while (!all()) await new Promise((resolve) => { setImmediate(resolve); });
    return response.end(CHUNK.subarray(length / 8, length));
  },
  // Waits for the test to say so.
  held({ response, server }) {
    server.held.push(() => response.end('released'));
  },
  echo({ request, response }) {
    const { method, headers, length, sha256, body } = request;
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ method, headers, length, sha256, body: body?.toString('latin1') }));
  },
};

/** Returns the SHA-256 of the first `length` bytes that the server sends. */
function sha256Of(length) {
  const hash = createHash('sha256');
  for (let left = length; left > 0; left -= CHUNK.length) hash.update(CHUNK.subarray(0, left));
  return hash.digest('hex');
}

function bytes(length) {
  let left = length;
  return new Readable({
    read() {
      const chunk = CHUNK.subarray(0, Math.min(left, CHUNK.length));
      left -= chunk.length;
      this.push(chunk.length > 0 ? chunk : null);
    },
  });
}

module.exports = { Server, sha256Of };
