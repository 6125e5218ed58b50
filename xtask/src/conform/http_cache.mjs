// Runs the suite http-cache-tests through a worker: the suite's own server, tests and scoring; only
// the requests of its tests are another client's.
//
//   node http_cache.mjs SUITE WORKER [ARGUMENT…]      prints one line of JSON
//   URLSESSION_CONFORM_KILL=1                         kills the worker whenever all tests pause

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

/** Tests that run at once, as the suite's own runner has it. */
const AT_ONCE = 25
/** A pause of the suite lasts 3 s: nothing for so long, in milliseconds, is one. */
const QUIET = 800

const [suite, program, ...parameters] = process.argv.slice(2)
const engine = existsSync(path.join(suite, 'test-engine')) ? path.join(suite, 'test-engine') : suite
const load = (...parts) => import(pathToFileURL(path.resolve(path.join(...parts))))
const kills = Boolean(process.env.URLSESSION_CONFORM_KILL)
const outside = globalThis.fetch

/** The client under test. */
class Worker {
  waiting = new Map()
  next = 1
  killed = 0
  asked = 0

  constructor () {
    this.start()
  }

  start () {
    this.child = spawn(program, parameters, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.child.stdin.on('error', () => {})
    createInterface({ input: this.child.stdout }).on('line', line => {
      const answer = JSON.parse(line)
      const { resolve, reject } = this.waiting.get(answer.id)
      this.waiting.delete(answer.id)
      this.touch()
      if (answer.error === undefined) return resolve(answer)
      reject(Object.assign(new Error(answer.error), { name: answer.name }))
    })
    this.child.once('exit', (code, signal) => {
      if (signal !== 'SIGKILL' && code !== 0) throw new Error(`the worker ended: ${code ?? signal}`)
    })
  }

  ask (request) {
    const id = this.next++
    this.asked++
    this.touch()
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject })
      this.child.stdin.write(JSON.stringify({ id, ...request }) + '\n')
    })
  }

  /** Kills it once nothing has happened for a while and nothing is on its way. */
  touch () {
    clearTimeout(this.quiet)
    if (!kills) return
    this.quiet = setTimeout(() => {
      if (this.waiting.size > 0 || this.asked === 0) return
      this.asked = 0
      this.killed++
      this.child.removeAllListeners('exit')
      this.child.kill('SIGKILL')
      this.start()
    }, QUIET)
    this.quiet.unref()
  }

  end () {
    clearTimeout(this.quiet)
    this.child.removeAllListeners('exit')
    this.child.stdin.end()
  }
}

/** A response as the suite reads it; `Response` would refuse the status 999. */
function response (answer) {
  const headers = new Map()
  for (const [name, value] of answer.headers) {
    const key = name.toLowerCase()
    headers.set(key, headers.has(key) ? `${headers.get(key)}, ${value}` : value)
  }
  return {
    status: answer.status,
    headers: {
      get: name => headers.get(name.toLowerCase()) ?? null,
      has: name => headers.has(name.toLowerCase()),
      forEach: visit => headers.forEach((value, name) => visit(value, name)),
      [Symbol.iterator]: () => headers.entries()
    },
    text: async () => answer.body
  }
}

async function freePort () {
  const server = net.createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address()
  await new Promise(resolve => server.close(resolve))
  return port
}

const temporary = mkdtempSync(path.join(tmpdir(), 'conform-'))
process.once('exit', () => rmSync(temporary, { recursive: true, force: true }))
const port = await freePort()
Object.assign(process.env, {
  npm_config_protocol: 'http',
  npm_config_port: String(port),
  npm_config_pidfile: path.join(temporary, 'server.pid')
})
// The suite's server would listen on every interface.
const { listen } = net.Server.prototype
net.Server.prototype.listen = function (at, ...rest) {
  return listen.call(this, Number(at), '127.0.0.1', ...rest)
}
const talk = console.log
console.log = () => {}
await load(engine, 'server', 'server.mjs')

const worker = new Worker()
const fetch = async (url, init = {}) => {
  if (!String(url).includes('/test/')) return outside(url, init)
  const { method, headers = [], body = null, cache = 'default', redirect = 'follow' } = init
  return response(await worker.ask({ url: String(url), method, headers, body, cache, redirect }))
}
globalThis.fetch = fetch

const { default: tests } = await load(suite, 'tests', 'index.mjs')
const { runTests, getResults } = await load(engine, 'client', 'runner.mjs')
const scoring = existsSync(path.join(engine, 'lib', 'results.mjs')) ? 'results.mjs' : 'display.mjs'
const { determineTestResult } = await load(engine, 'lib', scoring)
const base = `http://127.0.0.1:${port}`
// The first two take the client as a parameter, the later ones take the global one.
await (runTests.length >= 4 && scoring === 'display.mjs'
  ? runTests(tests, fetch, true, base, AT_ONCE)
  : runTests(tests, true, base, AT_ONCE))

const results = getResults()
const scores = {}
const missed = []
for (const { tests: group } of tests) {
  for (const test of group) {
    if (!(test.id in results)) continue
    const kind = test.kind ?? 'required'
    const [, , mark] = determineTestResult(tests, test.id, results)
    const score = (scores[kind] ??= { passed: 0, of: 0 })
    score.of++
    if (mark === '✅' || mark === 'Y') score.passed++
    else if (kind !== 'check') missed.push({ id: test.id, kind, why: String(results[test.id][1]) })
  }
}
worker.end()
talk(JSON.stringify({ scores, missed, killed: worker.killed }))
process.exit(0)
