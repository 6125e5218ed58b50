// Makes native.d.ts of the type definitions that the attribute `napi` leaves while the addon is built.
'use strict';

/** Returns the text of native.d.ts; `definitions` has one JSON object a line. */
function declarations(definitions) {
  const all = definitions.trim().split('\n').map((line) => JSON.parse(line));
  const bodies = new Map(all.filter(({ kind }) => kind === 'impl').map(({ name, def }) => [name, def]));
  const shown = all.filter(({ kind, name }) => kind === 'interface' || bodies.has(name) && kind === 'struct');
  const texts = shown
    .map(({ kind, name, js_doc: doc, def }) => {
      const head = kind === 'interface' ? 'export interface' : 'export declare class';
      return `${doc}${head} ${name} {\n${indent(kind === 'interface' ? def : bodies.get(name))}\n}\n`;
    })
    .sort();
  return ['// Made of crates/urlsession-node/src by scripts/declarations.js; not to be edited.\n', ...texts].join('\n');
}

function indent(text) {
  return text.split('\n').map((line) => (line.trim() ? `  ${line.trim().startsWith('*') ? ' ' : ''}${line.trim()}` : '')).join('\n');
}

module.exports = { declarations };
