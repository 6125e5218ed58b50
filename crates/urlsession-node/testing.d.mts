// What `urlsession/testing` gives, as `import` has it.
export * from './testing.js';
