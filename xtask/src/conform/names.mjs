// Runs the specification of jshttp/content-disposition with a parser that only takes notes: prints
// one JSON array of the fields that it parses, and the file name that it expects of each.
//
//   node names.mjs FOLDER

import { readFileSync } from 'node:fs'
import path from 'node:path'

const source = readFileSync(path.join(process.argv[2], 'src', 'parse.spec.ts'), 'utf8')
const body = source.replace(/^import .*$/gm, '')
const cases = []
const note = (parsed, expected) => {
  if (typeof parsed?.field !== 'string') return
  cases.push({ ...parsed, name: expected?.parameters?.filename ?? null })
}
const assert = new Proxy({}, { get: () => note })
const now = (_, run) => run()
const parse = (field, options) => ({ field, special: options !== undefined })
new Function('describe', 'it', 'assert', 'parse', 'format', body)(now, now, assert, parse, () => null)
console.log(JSON.stringify(cases))
