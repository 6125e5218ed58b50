// Both faces for `import`: the modern classes by name, the Titanium module as default; no globals are made.
import urlSession from './lib/titanium/module.js';
import modern from './lib/modern/index.js';
import current from './lib/titanium/current.js';

export const { Session, Task, URLSessionError } = modern;
export const Ti = current.titanium();
export default urlSession;
