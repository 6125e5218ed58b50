// The server of the benchmark: one file, from nginx where it is installed, else from a process of Node.js.
import { execFileSync, fork, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Starts it; resolves with `{ name, url, stop() }`. */
export async function startServer(folder, length) {
  // Debian keeps it where the PATH of users does not look.
  const program = ['nginx', '/usr/sbin/nginx'].find((name) => spawnSync(name, ['-v']).status === 0);
  return program ? byNginx(program, path.join(folder, 'nginx'), length) : byNode(length);
}

async function byNginx(program, folder, length) {
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'file'), contents(length));
  const port = await freePort();
  writeFileSync(path.join(folder, 'nginx.conf'), configuration(folder, port));
  const nginx = (...args) => execFileSync(program, ['-p', folder, '-e', 'error.log', '-c', 'nginx.conf', ...args]);
  nginx(); // It returns once it listens.
  return { name: 'nginx, one worker', url: `http://127.0.0.1:${port}/file`, stop: () => nginx('-s', 'stop') };
}

function configuration(folder, port) {
  // Only root may choose; its temporary folders are closed to nginx's own user.
  const user = process.getuid() === 0 ? 'user root;' : '';
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const temporary = kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ');
  return `${user} worker_processes 1; pid ${folder}/nginx.pid; events { worker_connections 1024; }
http {
  access_log off; sendfile on; tcp_nopush on; ${temporary}
  server { listen 127.0.0.1:${port}; root ${folder}; keepalive_requests 100000; }
}
`;
}

async function byNode(length) {
  const child = fork(fileURLToPath(import.meta.url), [String(length)]);
  const port = await new Promise((resolve) => { child.once('message', resolve); });
  return { name: 'Node.js', url: `http://127.0.0.1:${port}/`, stop: () => child.disconnect() };
}

// Between this moment and nginx's the port is anyone's, which then shows as an error.
function freePort() {
  return new Promise((resolve) => {
    const holder = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = holder.address();
      holder.close(() => resolve(port));
    });
  });
}

function contents(length) {
  return Buffer.alloc(length, 'urlsession ');
}

if (process.send) {
  const body = contents(Number(process.argv[2]));
  const server = http.createServer((request, response) => response.end(body));
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
  process.once('disconnect', () => process.exit());
}
