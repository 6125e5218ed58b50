// Both faces for `import`: the modern classes by name, the Titanium module as default; no globals are made.
import faces from './lib/faces.js';

export const { Session, Task, URLSessionError } = faces.modern;
export const Ti = faces.titanium();
export default faces.urlSession;
