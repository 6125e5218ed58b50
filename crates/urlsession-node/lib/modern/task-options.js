// The options of tasks by name and kind.
'use strict';

const {
  address, anything, checked, count, date, fields, flag, handler, location, milliseconds, numberOrText, object, rate, refused,
  share, signal, size, statuses, text, texts,
} = require('./checks.js');
const { CREDENTIAL, LOWEST_SPEED, POLICY, PROXY, TLS } = require('./fields.js');

const COMMON = {
  method: text,
  headers: fields,
  signal,
  onProgress: handler,
  suspended: flag,
  description: text,
  priority: share,
  earliestBeginDate: date,
  limitRate: rate,
  lowestSpeed: LOWEST_SPEED,
  timeoutIntervalForRequest: milliseconds,
  timeoutIntervalForResource: milliseconds,
  maximumRetries: count(0),
  retryInterval: milliseconds,
  timeoutIntervalForRetries: milliseconds,
  failOnHttpError: flag,
  retryStatuses: statuses(100, 599),
  recoverableStatuses: statuses(400, 599),
  onDelayedRequest: handler,
  credential: CREDENTIAL,
  noUnsafeRetry: flag,
  allowInsecureRedirect: flag,
  redirect: text,
  maximumRedirects: count(0, 100),
  maximumResponseSize: size,
  caCertificates: texts,
  httpShouldHandleCookies: flag,
  usesStrictTransportSecurity: flag,
  mainDocumentUrl: address,
  requestCachePolicy: text,
  connectionProxy: PROXY,
  tls: TLS,
  requestPolicy: POLICY,
  http3: text,
  assumesHttp3Capable: flag,
  segments: numberOrText,
  // Apple's background sessions never ask their delegate either: the app may be gone by then.
  onRedirect: refused('is not supported: a background session follows redirects without asking; see `redirect`'),
};

const of = (own) => object(new Map(Object.entries({ ...COMMON, ...own })));

/** What each kind of task can be created with. */
const TASKS = {
  download: of({
    destination: location, resumeData: text, suggestedFilename: text, destinationClash: text, decodesContent: flag, checksum: text,
  }),
  upload: of({}),
  data: of({ body: anything }),
};

/** Returns the options that are there; throws for those that a task of that kind has not, or cannot have so. */
function checkedTaskOptions(task, options) {
  return checked(options, TASKS[task], { of: ` of ${task === 'upload' ? 'an' : 'a'} ${task} task` });
}

module.exports = { TASKS, checkedTaskOptions };
