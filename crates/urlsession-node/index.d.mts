// Both faces, as `import` gives them: the modern one by name, the Titanium module as default.
import type { Titanium, URLSessionModule } from './titanium.js';

export * from './modern.js';
export declare const Ti: Titanium;
declare const urlSession: URLSessionModule;
export default urlSession;
