// Both faces, as `require('urlsession')` and `require('com.appcelerator.urlSession')` give them.
import type { Titanium, URLSessionModule } from './titanium.js';

export * from './modern.js';

export declare const moduleId: URLSessionModule['moduleId'];
export declare const createSessionConfiguration: URLSessionModule['createSessionConfiguration'];
export declare const createSession: URLSessionModule['createSession'];
export declare const createURLSession: URLSessionModule['createURLSession'];
export declare const createURLSessionBackgroundConfiguration: URLSessionModule['createURLSessionBackgroundConfiguration'];
export declare const backgroundDownloadTaskWithURL: URLSessionModule['backgroundDownloadTaskWithURL'];
export declare const finishTasksAndInvalidate: URLSessionModule['finishTasksAndInvalidate'];
export declare const invalidateAndCancel: URLSessionModule['invalidateAndCancel'];
export declare const downloadTask: URLSessionModule['downloadTask'];
export declare const uploadTask: URLSessionModule['uploadTask'];
export declare const dataTask: URLSessionModule['dataTask'];
export declare const Ti: Titanium;
