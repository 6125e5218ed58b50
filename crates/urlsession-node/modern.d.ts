// The modern face: what `import { Session } from 'urlsession'` gives.
/// <reference types="node" />
import type {
  AuthenticationChallenge, ResponseHead, SessionEvent, StoredCredential, TaskListing, TaskMetrics, TransactionMetrics,
} from './native.js';

/** Header fields as `fetch` takes them: the web's own name for it is known to those who compile for browsers only. */
type HeadersInit = NonNullable<ConstructorParameters<typeof Headers>[0]>;

/** An error of NSURLErrorDomain. */
export declare class URLSessionError extends Error {
  /** The number, such as -1003. */
  readonly code: number;
  readonly domain: 'NSURLErrorDomain';
  /** Apple's name without `NSURLError`, such as `CannotFindHost`. */
  readonly codeName: string;
  readonly name: 'URLSessionError';
  readonly failingURL?: string;
  /** The status, where the task takes statuses as failures. */
  readonly statusCode?: number;
  /** Why the system and not the app cancelled the task: Apple's 0, 1 and 2. */
  readonly cancelledReason?: number;
  /** From what a new download can go on; so far told to `cancelByProducingResumeData` alone. */
  readonly resumeData?: string;
}

/** A session whose transfers live in the daemon and outlive this process. */
export interface BackgroundSessionOptions extends CommonSessionOptions {
  configuration?: 'background';
  /** Tasks always wait for a network where there is none: `false` is refused. */
  waitsForConnectivity?: true;
  /** Names the session inside the application: the next process finds it again by this. */
  identifier: string;
  /** Started when all tasks have ended and no process has the session. */
  launchCommand?: string[];
  /** A session of the daemon keeps no responses, as Apple's background sessions: anything else is refused. */
  urlCache?: null;
}

/** A session whose transfers live in this process and end with it: no daemon is needed. */
export interface InProcessSessionOptions extends CommonSessionOptions {
  /** An `ephemeral` one has cookies and a cache of its own in memory, and writes nothing to disk but bodies. */
  configuration: 'default' | 'ephemeral';
  /** Whether tasks wait for a network where there is none: they do not, and end with -1009. */
  waitsForConnectivity?: boolean;
  /**
   * How much is kept of responses: 4 MiB in memory and, in a `default` session, 20 MiB on disk; `null` is nothing. A session
   * with cookies of its own has them in memory only.
   */
  urlCache?: UrlCache | null;
  /**
   * Called before a redirect is followed, within the rules for that. Returns the request to go on with, changed or not,
   * `null` to take the redirect for the response, or nothing to go on as proposed.
   */
  onRedirection?: (
    redirection: Redirection,
  ) => NewRequest | null | undefined | void | Promise<NewRequest | null | undefined | void>;
}

/** Where a server sends a task: what Apple's `willPerformHTTPRedirection` is told. */
export interface Redirection {
  taskIdentifier: number;
  /** The response that redirects. */
  response: Response;
  /** What must not go to another origin is gone from it; body and credential are not shown. */
  newRequest: NewRequest & { method: string; headers: Headers };
  /** When it is followed without an answer. */
  until: Date;
}

export interface NewRequest {
  url: string | URL;
  /** GET. */
  method?: string;
  headers?: HeadersInit;
}

export type SessionOptions = BackgroundSessionOptions | InProcessSessionOptions;

/** How many bytes of responses are kept. */
export interface UrlCache {
  memoryCapacity: number;
  diskCapacity: number;
}

export interface CommonSessionOptions {
  /** Header fields added to every request. */
  headers?: HeadersInit;
  /** By default URLSESSION_APP_ID, the id of tiapp.xml, the name of package.json, or the script's name. */
  applicationId?: string;
  /** Milliseconds without any byte before an attempt fails with -1001: 60,000. */
  timeoutIntervalForRequest?: number;
  /** Milliseconds until a task must have ended: 7 days. */
  timeoutIntervalForResource?: number;
  /** Most attempts at once against one host: 6. */
  maximumConnectionsPerHost?: number;
  /** Most attempts at once. */
  maximumConcurrentTasks?: number;
  /** Which cookies of responses are kept: `onlyFromMainDocumentDomain`. */
  httpCookieAcceptPolicy?: 'always' | 'never' | 'onlyFromMainDocumentDomain';
  /** Whether requests carry the cookies that are kept: they do. */
  httpShouldSetCookies?: boolean;
  /** Which cookies these are: the application's (`shared`), the session's own in memory, or none. */
  httpCookieStorage?: 'shared' | 'private' | 'none';
  /** Whether hosts that said so with `Strict-Transport-Security` are from then on asked over `https` only: they are. */
  usesStrictTransportSecurity?: boolean;
  /** Through whom requests go; absent, the environment says: `http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`. */
  connectionProxy?: ConnectionProxy;
  /** What TLS connections must be like. */
  tls?: TlsPolicy;
  /** PEM files of roots that are trusted beside the platform's. */
  caCertificates?: string[];
  /** The credential of tasks that have none, each for the origin of its own request. */
  credential?: Credential;
  /** Which kept credentials tasks use, and whether theirs are kept: the application's (`shared`), or none. */
  urlCredentialStorage?: 'shared' | 'none';
  /** Called for tasks that wait for another request, those of earlier processes included. */
  onDelayedRequest?: DelayedRequestHandler;
  /** Called when a server wants a credential and a task has none that it takes. Without it a 401 is a result. */
  onChallenge?: (challenge: Challenge) => ChallengeDisposition | Promise<ChallengeDisposition>;
  /** Has tasks wait for `session.answer` also without a handler. */
  answersChallenges?: boolean;
  /** Whether requests that do not say it themselves go over HTTP/3; absent, those do that assume it. */
  http3?: Http3;
  /** Over how many connections downloads come that do not say it themselves: one. */
  segments?: Segments;
  /** When requests are answered with what is kept, and what they say to caches on the way: as HTTP says. */
  requestCachePolicy?: RequestCachePolicy;
}

/** A name and a password, in answer to servers that ask with Basic or Digest. */
export interface Credential {
  user: string;
  password: string;
  /** For how long it is kept for the application's other tasks, once a server let it in: `none`. */
  persistence?: 'none' | 'forSession' | 'permanent';
}

/** A certificate of ours, in answer to servers that want one. */
export interface ClientCertificate {
  /** Its file in PEM, or in PKCS#12 with its key. */
  clientCertificate: string;
  /** The file of its key in PEM, if it is another. */
  clientKey?: string;
  /** What opens a file of PKCS#12, or an encrypted key. */
  clientCertificatePassword?: string;
}

/** What a server asks: Apple's `URLAuthenticationChallenge`. */
export interface Challenge extends Omit<AuthenticationChallenge, 'serverTrust'> {
  taskIdentifier: number;
  /** The certificates that a server shows which the system does not trust, its own first, in DER. */
  serverTrust?: Buffer[];
}

/** A credential, Apple's other dispositions, or nothing: then the task waits for `session.answer`. */
export type ChallengeDisposition =
  | Credential
  | ClientCertificate
  | 'useServerTrust'
  | 'performDefaultHandling'
  | 'cancelAuthenticationChallenge'
  | 'rejectProtectionSpace'
  | undefined
  | void;

/** What a server wants to see again: Apple's `HTTPCookie`. */
export interface Cookie {
  /** Empty for a cookie that is only a value. */
  name: string;
  value: string;
  /** The host it came from, or the domain whose hosts all get it. */
  domain: string;
  /** Whether it goes to that host only, and not to those below it. */
  hostOnly: boolean;
  /** With everything below it. */
  path: string;
  /** Whether it goes over `https` only. */
  secure: boolean;
  /** Whether it is kept from scripts: of no effect here. */
  httpOnly: boolean;
  sameSite?: 'none' | 'lax' | 'strict';
  /** Absent: it ends with the process that holds it, which is the daemon for a background session. */
  expires?: Date;
  created: Date;
}

/** A cookie to keep. */
export interface NewCookie {
  name: string;
  value: string;
  domain: string;
  /** As it is unless the domain begins with a dot. */
  hostOnly?: boolean;
  /** All of the host: `/`. */
  path?: string;
  secure?: boolean;
  httpOnly?: boolean;
  sameSite?: 'none' | 'lax' | 'strict';
  expires?: Date | number;
  created?: Date | number;
}

/** The cookies of an application, or those that a session has for itself: Apple's `HTTPCookieStorage`. */
export interface Cookies {
  /** Lists those of a domain and of all hosts below it, or all, by domain, path and name. */
  list(domain?: string): Promise<Cookie[]>;
  /**
   * Keeps them, each instead of the one with its domain, path and name; one that has ended only removes that. Resolves with
   * how many were taken when that is durable: those that no server could set are not.
   */
  set(cookies: NewCookie | NewCookie[]): Promise<number>;
  /** Forgets those of a domain and of all hosts below it, or all; resolves with how many when that is durable. */
  remove(domain?: string): Promise<number>;
}

/** A host that is asked over `https` only, because it said so with `Strict-Transport-Security`. */
export interface KnownHost {
  host: string;
  /** Whether all names below it are meant, too. */
  includeSubdomains: boolean;
  expires: Date;
}

/** The known hosts of an application, or those of an ephemeral session. */
export interface KnownHosts {
  list(): Promise<KnownHost[]>;
  /**
   * Adds them as if they had said it themselves, which weakens nothing that is known. Resolves with how many were taken when
   * that is durable: addresses, what is no name, and what has ended are not.
   */
  add(hosts: NewKnownHost | NewKnownHost[]): Promise<number>;
  /** Forgets one, or all; resolves with how many when that is durable. */
  remove(host?: string): Promise<number>;
}

/** A host to know. */
export interface NewKnownHost {
  host: string;
  includeSubdomains?: boolean;
  expires: Date | number;
}

/** The credentials that are kept for an application, one for each part of a server. */
export interface Credentials {
  /** Lists what is kept, without the passwords. */
  list(): Promise<StoredCredential[]>;
  /** Keeps one for the server of a URL, or for the part of it that is called `realm`; `permanent` is sealed by the system's keychain, else in plain text. */
  set(
    url: string | URL,
    credential: { user: string; password: string; realm?: string; persistence?: 'forSession' | 'permanent' },
  ): Promise<void>;
  /** Forgets those of a server, of a part of it, or all; resolves with how many. */
  remove(url?: string | URL, options?: { realm?: string }): Promise<number>;
}

/** A task that waits since the server answered with one of its `recoverableStatuses`. */
export interface DelayedRequest {
  taskIdentifier: number;
  /** What the server said: it has the status and the URL. */
  error?: URLSessionError;
}

/** What replaces parts of a task's request; what is absent stays. */
export interface RequestEdit {
  /** If it is of another origin, the credentials that the task had do not go there. */
  url?: string | URL;
  /** They replace those of the same names. */
  headers?: HeadersInit;
  credential?: Credential;
}

/** The new request, the old one again, -999, or nothing: then the task waits for `edit`. */
export type DelayedRequestDisposition = RequestEdit | 'continueLoading' | 'cancel' | undefined | void;

export type DelayedRequestHandler = (
  request: DelayedRequest,
) => DelayedRequestDisposition | Promise<DelayedRequestDisposition>;

export type RequestCachePolicy =
  | 'useProtocolCachePolicy'
  | 'reloadIgnoringLocalCacheData'
  | 'returnCacheDataElseLoad'
  | 'returnCacheDataDontLoad'
  | 'reloadIgnoringLocalAndRemoteCacheData'
  | 'reloadRevalidatingCacheData';

export interface TaskOptions {
  method?: string;
  headers?: HeadersInit;
  /** Cancels the task; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
  /** Creates the task without starting it. */
  suspended?: boolean;
  /** Free text, kept with the task. */
  description?: string;
  /** 0 to 1, 0.5 by default. */
  priority?: number;
  earliestBeginDate?: Date | number;
  /** Most bytes per second. */
  limitRate?: number;
  /** The slowest that a transfer may be: then its attempt is given up with -1001, and tried again as one that is idle. */
  lowestSpeed?: LowestSpeed;
  /** Most bytes of the file, or of a body that is kept; a larger one ends the task with -1103. */
  maximumResponseSize?: number;
  timeoutIntervalForRequest?: number;
  timeoutIntervalForResource?: number;
  /**
   * Most attempts after the first that make no progress: any number in a background session. In another it is 0, unless
   * the task has a `retryInterval`, `timeoutIntervalForRetries` or `retryStatuses`.
   */
  maximumRetries?: number;
  /** Milliseconds between an attempt that failed and the next, 100 or more; without it up to a second at first, then doubling. */
  retryInterval?: number;
  /** Milliseconds from the begin of the first attempt after which a failure is the last. */
  timeoutIntervalForRetries?: number;
  /** Takes a status of 400 or above as an error. */
  failOnHttpError?: boolean;
  /** Statuses that are tried again like network errors. */
  retryStatuses?: number[];
  /** Statuses that another request can mend: the task keeps its bytes and asks for one. */
  recoverableStatuses?: number[];
  /** Called when it does, instead of the session's handler. */
  onDelayedRequest?: DelayedRequestHandler;
  /** For the origin of the request, and no other. */
  credential?: Credential;
  noUnsafeRetry?: boolean;
  allowInsecureRedirect?: boolean;
  /** Whether redirects are followed, are the result, or end the task with -1007: they are followed. */
  redirect?: 'follow' | 'manual' | 'error';
  /** Most redirects: 20. */
  maximumRedirects?: number;
  /** PEM files of roots that are trusted beside the platform's. */
  caCertificates?: string[];
  /** `false` neither sends nor keeps cookies. */
  httpShouldHandleCookies?: boolean;
  /** `false` asks over `http` where the URL says so, whatever its host said, and does not hear what it says of that. */
  usesStrictTransportSecurity?: boolean;
  /** The document that the request is made for, which tells the cookies of other sites. */
  mainDocumentUrl?: string | URL;
  /** As the session's. */
  requestCachePolicy?: RequestCachePolicy;
  /** Through whom the request goes; absent, the session's choice, else what the environment says. */
  connectionProxy?: ConnectionProxy;
  /** What TLS connections must be like, beside what the session asks for. */
  tls?: TlsPolicy;
  /** How the request goes out, where it shall not be as HTTP clients have it. */
  requestPolicy?: RequestPolicy;
  /** Whether the request goes over HTTP/3; absent, the session's choice. */
  http3?: Http3;
  /** Tries HTTP/3 before the server has offered it, unless it is switched off. */
  assumesHttp3Capable?: boolean;
  /** Over how many connections a download comes; absent, the session's choice. */
  segments?: Segments;
}

/**
 * An average: what counts is the time in which it is the other side's turn, and not what passes before a connection
 * stands, while a limit of ours or a disk holds the transfer back, or until a server answers an upload that it has whole.
 */
export interface LowestSpeed {
  /** 1 or more, both directions together. */
  bytesPerSecond: number;
  /** 1 to 86400. */
  seconds: number;
}

/**
 * 1 to 16 connections, or `automatic`: one, and up to 4 where more of them measure faster. More than one needs a server
 * that sends ranges, a length and a validator; elsewhere one connection brings all.
 */
export type Segments = number | 'automatic';

/**
 * `auto` goes over HTTP/3 to servers that offer it by `Alt-Svc` or are assumed to speak it, and over TCP where QUIC does
 * not come through; `only` goes over HTTP/3 or fails.
 */
export type Http3 = 'off' | 'auto' | 'only';

/** Which proxy a request goes through; an empty object is none at all. */
export interface ConnectionProxy {
  /** The proxy of `http` URLs: `[http|https|socks5|socks5h|socks|socks4|socks4a]://[user:password@]host[:port]`. */
  http?: string;
  /** The proxy of `https` URLs. */
  https?: string;
  /** Hosts that are reached straight: `example.com` with all below it, `10.0.0.0/8`, `host:port`, `*`. */
  exceptions?: string[];
  /** Has an HTTP proxy connect to the servers of `http` URLs, too, instead of taking their requests itself. */
  tunnels?: boolean;
  /** Header fields for an HTTP proxy: they go with `CONNECT` and with the requests that it takes itself. */
  headers?: HeadersInit;
  /** Says `CONNECT` in HTTP/1.0, for proxies that know nothing newer. */
  speaksHttp10?: boolean;
  /** What the connection to an `https` proxy must be like; what is said of servers does not count there. */
  tls?: Omit<TlsPolicy, 'httpsOnly'>;
  /** PEM files with roots that an `https` proxy may have, beside those that servers may have. */
  caCertificates?: string[];
}

export interface TlsPolicy {
  minimumVersion?: '1.2' | '1.3';
  maximumVersion?: '1.2' | '1.3';
  /** The file of our certificate in PEM, or in PKCS#12 with its key. */
  clientCertificate?: string;
  /** The file of its key in PEM, if it is another. */
  clientKey?: string;
  /** What opens a file of PKCS#12, or an encrypted key. */
  clientCertificatePassword?: string;
  /** Keys that the server may have: `sha256//BASE64`. */
  pinnedPublicKeys?: string[];
  /** Takes any certificate: whoever is on the way can read and change what is moved. */
  allowAnyCertificate?: boolean;
  /** Refuses `http`, also in redirects. */
  httpsOnly?: boolean;
}

/** What a request says of itself, and what redirects make of it. */
export interface RequestPolicy {
  /** Header fields that are not sent unless `headers` has them, such as `User-Agent`; `Host` is always sent. */
  omittedHeaders?: string[];
  /** Which of 301, 302 and 303 lead to another POST after a POST; without it they lead to a GET. */
  keepsPost?: number[];
  /** Sends a GET with its body, whose meaning is between app and server; without it that is -1103. */
  sendsGetBody?: boolean;
  /** Takes credentials, cookies and the client certificate along to whatever server a redirect names. */
  trustsRedirects?: boolean;
  /** The target of the first request as it stands, such as `*`; without it the URL's. */
  target?: string;
  /** Path and query of the first request as they stand, with their `/../`. */
  path?: string;
  /** Where connections to a server go instead; the first that is of the URL's host and port counts. */
  connectTo?: ConnectTo[];
  /** Says to every server that a redirect leads to which URL led there, in `Referer`. */
  tellsReferer?: boolean;
  /** Refuses `https`, also in redirects. */
  refusesHttps?: boolean;
  /** The only schemes that redirects may lead to; by default both. */
  redirectSchemes?: ('http' | 'https')[];
  /** The only version of HTTP that is spoken; by default the newest that both sides have. */
  httpVersion?: '1.0' | '1.1';
  /** The only way in which a server is shown the credential; by default whichever it asks for. */
  authenticationMethod?: 'httpBasic' | 'httpDigest';
  /** Milliseconds that a connection may take to be opened, handshakes included; by default 30 seconds for each step. */
  timeoutIntervalForConnection?: number;
  /** The only addresses that are connected to; of a server behind a proxy it says nothing, only of the proxy. */
  ipVersion?: 'v4' | 'v6';
  /** The interface that connections go out by (on Linux), or the address that they come from. */
  requiredInterface?: string;
  /**
   * The Unix socket that every request goes over, wherever redirects lead; no name is looked up, and no proxy and no HTTP/3 is
   * used. What a request says, and what a certificate must say, stays that of the URL. Elsewhere it is refused.
   */
  unixSocket?: string;
  /** Lets servers of HTTP/1.1 pack bodies for the way alone, with `TE: gzip`; what comes is unpacked. Few do so. */
  acceptsTransferCodings?: boolean;
}

/**
 * A server, and where connections to it go instead. What a request says, and what a certificate must say, stays that of the
 * URL. A host or port that is absent is any of the URL's, or stays the URL's; hosts that are IPv6 addresses have no brackets.
 */
export interface ConnectTo {
  host?: string;
  port?: number;
  toHost?: string;
  toPort?: number;
  /** Counts only for names that are looked up here, that of a proxy among them. */
  isLocal?: boolean;
}

export interface DownloadOptions extends TaskOptions {
  /**
   * Lets the server name the file in the destination's folder, or in the destination itself if that ends in a slash; what
   * happens if there is one of that name.
   */
  suggestedFilename?: 'take-free' | 'replace';
  /** Where the file appears once it is whole. Without it, it lives as long as this process. */
  destination?: string | URL;
  /** What happens if a file has the name of the destination by then: it is replaced, or the first free of `name.1`, … is taken. */
  destinationClash?: 'take-free' | 'replace';
  /** From what an earlier download goes on. */
  resumeData?: string;
  /** Asks for a packed body and unpacks it, as data tasks do; the download then cannot go on where it was. */
  decodesContent?: boolean;
  /** `sha-256:…`, `sha-512:…` or `md5:…`. */
  checksum?: string;
}

export interface DataOptions extends TaskOptions {
  /** Text and bytes are sent as they are, `URLSearchParams` as a form, other values as JSON; a Blob or a stream is refused. */
  body?: unknown;
}

export interface Progress {
  received?: number;
  sent?: number;
  /** Absent when unknown. */
  total?: number;
}

/** What a task took; `transactionMetrics` and what follows it is Apple's `URLSessionTaskMetrics`. */
export interface Metrics extends TaskMetrics {
  started: Date;
  ended?: Date;
  bytesReceived: number;
  bytesSent: number;
  /** How often the download went on after an interruption. */
  resumptions: number;
  networkProtocol?: string;
  /** What the body may be called as a file; safe, whoever named it. */
  suggestedFilename?: string;
}

export type Response = Omit<ResponseHead, 'headers'> & { headers: Headers };

export interface DownloadResult {
  path: string;
  /** 0 with status 304, which leaves the file at `destination` as it was. */
  length: number;
  response?: Response;
  metrics: Metrics;
}

export interface DataResult {
  response?: Response;
  body: Buffer;
  /** The body in the character set that the response names. */
  text(): string;
  json(): unknown;
  metrics: Metrics;
}

/** Something that happened; which fields there are depends on `name`. */
export type Event = Omit<SessionEvent, 'error' | 'eventNumber' | 'name' | 'statusCode'> & {
  name: Exclude<SessionEvent['name'], 'didReceiveData'>;
  error?: URLSessionError;
  /** `didComplete`: the head of the final response. */
  response?: ResponseHead;
  /** `didComplete`: what the task's requests took. */
  metrics?: TaskMetrics;
  /** `didComplete`: the body of an upload or data task. */
  body?: Buffer;
  /** Acknowledges the event now, where the loop will not ask for the next one. */
  acknowledge(): void;
};

export declare class Task<Result = DownloadResult | DataResult> {
  private constructor();
  readonly taskIdentifier: number;
  readonly finished: Promise<Result>;
  /** Tells how the task is; rejects with -1 once its end has been handled, or if it never was. */
  status(): Promise<TaskListing>;
  resume(): void;
  suspend(): void;
  /** Replaces parts of the request; the task keeps its bytes and tries at once, if it waits for that. */
  edit(edit: RequestEdit): Promise<void>;
  cancel(): void;
  /** Resolves with what a new download can go on from, `null` if it must begin anew or has ended. */
  cancelByProducingResumeData(): Promise<string | null>;
}

export type UploadSource = string | URL | ArrayBuffer | ArrayBufferView;

/** A session whose transfers outlive this process. */
export declare class Session {
  /**
   * Attaches the session, starting the daemon if none runs; waits at most 30 s. Of a background session that this process has
   * already it is another object: options with other values throw, handlers take the place of those before.
   */
  constructor(options: SessionOptions);
  /** `undefined` of a session in this process. */
  readonly identifier: string | undefined;
  /** Those of the application, or of the session where `httpCookieStorage` is `private`. */
  readonly cookies: Cookies;
  readonly knownHosts: KnownHosts;
  readonly credentials: Credentials;
  download(url: string | URL, options?: DownloadOptions): Promise<DownloadResult>;
  upload(url: string | URL, source: UploadSource, options?: TaskOptions): Promise<DataResult>;
  data(url: string | URL, options?: DataOptions): Promise<DataResult>;
  downloadTask(url: string | URL, options?: DownloadOptions): Task<DownloadResult>;
  uploadTask(url: string | URL, source: UploadSource, options?: TaskOptions): Task<DataResult>;
  dataTask(url: string | URL, options?: DataOptions): Task<DataResult>;
  /**
   * Returns the task of that number, such as one that an earlier process created. Its `finished` rejects with -1 if there
   * is none, or its end has been handled already.
   */
  task(taskIdentifier: number): Task;
  /** Replaces parts of the request of a task, given by its number or itself. */
  edit(task: number | Task, edit: RequestEdit): Promise<void>;
  /** Answers the question that a task waits with. */
  answer(task: number | Task, challenge: Challenge, answer: ChallengeDisposition & {}): Promise<void>;
  /** Lists the unfinished tasks. */
  tasks(): Promise<TaskListing[]>;
  /** Iterates over everything that happens; asking for the next event acknowledges the one before. */
  events(options?: { signal?: AbortSignal }): AsyncIterableIterator<Event>;
  /** Resolves once everything asked for is durable. */
  synced(): Promise<void>;
  reset(): Promise<void>;
  flush(): Promise<void>;
  finishTasksAndInvalidate(): Promise<void>;
  invalidateAndCancel(): Promise<void>;
  ref(): this;
  unref(): this;
}

export type {
  AuthenticationChallenge, ResponseHead, StoredCredential, TaskListing, TaskMetrics, TransactionMetrics,
};
