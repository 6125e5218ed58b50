// Made of crates/urlsession-node/src by scripts/declarations.js; not to be edited.

/**
 * Events in the form that is cheapest for JavaScript: it makes many objects of one text faster than
 * it is told of each, and what few look at stays text until somebody does.
 */
export interface EventBatch {
  /** A list of `SessionEvent` in JSON. */
  events: string
  /** For each of them the head of the final response, a `ResponseHead` in JSON. */
  responses: Array<string | undefined | null>
  /** For each of them what `NativeSession.metrics` takes. */
  metrics: Array<string | undefined | null>
}

/**
 * One request and its response. Dates are milliseconds since 1970 with fractions, absent where
 * the step was not needed or did not come to its end.
 */
export interface TransactionMetrics {
  /** Whom was asked for what. */
  request: TransactionRequest
  /** What the server answered; absent if it did not. */
  response?: TransactionResponse
  /** When it was begun. */
  fetchStartDate?: number
  /** When the look-up of the host, or of its proxy, began. */
  domainLookupStartDate?: number
  /** When its addresses were known. */
  domainLookupEndDate?: number
  /** When the first address was tried. */
  connectStartDate?: number
  /** When the TLS handshake with the server began. */
  secureConnectionStartDate?: number
  /** When the server was known to be the right one. */
  secureConnectionEndDate?: number
  /** When the connection was ready, tunnel and TLS included. */
  connectEndDate?: number
  /** When the request was handed to the connection. */
  requestStartDate?: number
  /** When the connection had taken its last byte. */
  requestEndDate?: number
  /** When the head of the response was there. */
  responseStartDate?: number
  /** When its last byte was. */
  responseEndDate?: number
  /** `http/1.0`, `http/1.1`, `h2` or `h3`. */
  networkProtocolName?: string
  /** What the proxy answered last to `CONNECT`. */
  proxyStatusCode?: number
  /** Whether it went through a proxy. */
  isProxyConnection: boolean
  /** Whether the connection was open already. */
  isReusedConnection: boolean
  /** Whether the server answered, or what was kept. */
  resourceFetchType: 'networkLoad' | 'localCache'
  /** Bytes of the request's head as HTTP/1.1 spells it. */
  countOfRequestHeaderBytesSent: number
  /** Bytes of the request's body that the connection took. */
  countOfRequestBodyBytesSent: number
  /** Bytes of the request's body before any coding. */
  countOfRequestBodyBytesBeforeEncoding: number
  /** Bytes of the response's head as HTTP/1.1 spells it. */
  countOfResponseHeaderBytesReceived: number
  /** Bytes of the heads that the proxy answered `CONNECT` with. */
  countOfProxyHeaderBytesReceived: number
  /** Bytes of the response's body as they came. */
  countOfResponseBodyBytesReceived: number
  /** Bytes of the response's body as the task has them. */
  countOfResponseBodyBytesAfterDecoding: number
  /** Our end of the connection. */
  localAddress?: string
  /** Its port. */
  localPort?: number
  /** The other end, a proxy's if there is one. */
  remoteAddress?: string
  /** Its port. */
  remotePort?: number
  /** The version of TLS. */
  negotiatedTLSProtocolVersion?: '1.2' | '1.3'
  /** The registered name of the cipher suite. */
  negotiatedTLSCipherSuite?: string
}

/** A credential that is kept, without its password. */
export interface StoredCredential {
  /** Where it is good. */
  protectionSpace: ProtectionSpace
  /** The name. */
  user: string
  /** For how long it is kept. */
  persistence: 'forSession' | 'permanent'
  /** Whether its password is sealed with a key of the system's keychain, and whether that is there. */
  seal: 'none' | 'open' | 'locked'
}

/** A host that is asked over `https` only, because it said so. */
export interface KnownHost {
  /** Its name. */
  host: string
  /** Whether all names below it are meant, too. */
  includeSubdomains: boolean
  /** When it ends, in milliseconds since 1970. */
  expires: number
}

/** A name and a password, in answer to servers that ask for them. */
export interface Credential {
  /** The name. */
  user: string
  /** The password. */
  password: string
  /** For how long it is kept for other tasks, once a server let it in: `none` by default. */
  persistence?: 'none' | 'forSession' | 'permanent'
}

/** A part of a server that credentials belong to. */
export interface ProtectionSpace {
  /** `http` or `https`. */
  protocol: 'http' | 'https'
  /** The host. */
  host: string
  /** The port. */
  port: number
  /** The name that the server gives it; absent for all of the server. */
  realm?: string
  /** How the server asks; `default` is in any way. */
  authenticationMethod: 'default' | 'httpBasic' | 'httpDigest' | 'clientCertificate' | 'serverTrust'
  /** Whether it is a proxy that asks. */
  isProxy: boolean
}

/** A program that the daemon starts without a shell. */
export interface LaunchCommand {
  /** The executable's absolute path. */
  program: string
  /** Its arguments. */
  arguments: Array<string>
  /** The absolute path of the folder it starts in. */
  directory: string
  /** Variables beside those that every launched program has. */
  environment: Record<string, string>
}

/** A redirect before it is followed: what Apple's `willPerformHTTPRedirection` is told. */
export interface HttpRedirection {
  /** Tells it from the task's other questions. */
  question: number
  /** The head of the response that redirects. */
  response: ResponseHead
  /** What is asked for next. */
  newRequest: NewRequest
  /** Until when an answer is waited for, in milliseconds since 1970; then it is followed. */
  until: number
}

/** A request as an app sees it, without what must not go to another origin. */
export interface NewRequest {
  /** Its URL. */
  url: string
  /** Its method. */
  method: string
  /** The header fields that the app typed. */
  headers: Array<HeaderField>
}

/** A server, and where connections to it go instead. */
export interface ConnectToFields {
  /** The URL's host that is meant; absent, any. */
  host?: string
  /** The URL's port that is meant; absent, any. */
  port?: number
  /** The host to connect to; absent, the URL's. */
  toHost?: string
  /** The port to connect to; absent, the URL's. */
  toPort?: number
  /** Counts only for names that are looked up here, that of a proxy among them. */
  isLocal?: boolean
}

/** A task to be created. */
export interface NewTask {
  /** What it moves. */
  kind: 'download' | 'upload' | 'data'
  /** An absolute `http` or `https` URL. */
  url: string
  /** The HTTP method; `GET` by default. */
  method?: string
  /** Header fields. */
  headers?: Array<HeaderField>
  /** The path that a download's file gets when it is whole. */
  destination?: string
  /** The file that is the request body. */
  file?: string
  /** Takes the file as it is at the moment, so that it may be removed. */
  snapshot?: boolean
  /** The bytes that are the request body. */
  data?: Uint8Array
  /** Starts the task at once; otherwise it is born suspended. */
  resume?: boolean
  /** From what a download goes on. */
  resumeData?: string
  /** Free text of the app, kept with the task. */
  description?: string
  /** Which waiting task runs first: 0 to 1, 0.5 by default. */
  priority?: number
  /** The earliest moment to begin, in milliseconds since 1970. */
  earliestBeginDate?: number
  /** Most bytes per second. */
  limitRate?: number
  /** The slowest that a transfer may be before its attempt is given up. */
  lowestSpeed?: LowestSpeedFields
  /** Milliseconds without any byte before an attempt is given up. */
  timeoutIntervalForRequest?: number
  /** Milliseconds from the first resume, or a later `earliestBeginDate`, to completion. */
  timeoutIntervalForResource?: number
  /** A digest that the finished file must have: `sha-256:…`, `sha-512:…` or `md5:…`. */
  checksum?: string
  /** Most attempts after the first that make no progress. */
  maximumRetries?: number
  /** Milliseconds between an attempt that failed and the next. */
  retryInterval?: number
  /** Milliseconds from the begin of the first attempt after which a failure is the last. */
  timeoutIntervalForRetries?: number
  /** Takes a status of 400 or above as an error. */
  failOnHttpError?: boolean
  /** Statuses that are tried again like network errors. */
  retryStatuses?: Array<number>
  /** Statuses that another request can mend: the task keeps its bytes and waits for `edit`. */
  recoverableStatuses?: Array<number>
  /** What the server is shown when it asks who is there. */
  credential?: Credential
  /** Never sends a non-idempotent request again once body bytes were sent. */
  noUnsafeRetry?: boolean
  /** Follows redirects from https to http. */
  allowInsecureRedirect?: boolean
  /** Whether redirects are followed, are the result, or are an error: they are followed. */
  redirect?: 'follow' | 'manual' | 'error'
  /** Asks for a packed body and unpacks it, as other tasks do: a download that cannot resume. */
  decodesContent?: boolean
  /** Most redirects: 20. */
  maximumRedirects?: number
  /** Most bytes of the file, or of a body that is kept; a larger one ends the task with -1103. */
  maximumResponseSize?: number
  /** PEM files of roots that are trusted beside the platform's. */
  caCertificates?: Array<string>
  /** Sends and keeps cookies, as the session says; `true` by default. */
  httpShouldHandleCookies?: boolean
  /** Asks hosts that said so over https only, as the session says; `true` by default. */
  usesStrictTransportSecurity?: boolean
  /** The document that the request is made for, which tells the cookies of other sites. */
  mainDocumentUrl?: string
  /** Through whom the request goes. */
  connectionProxy?: ProxyFields
  /** What TLS connections must be like. */
  tls?: TlsFields
  /** How the request goes out. */
  requestPolicy?: RequestPolicyFields
  /** When the request is answered with what is kept. */
  requestCachePolicy?: string
  /**
   * Lets the server name the file in the destination's folder: which one is taken if there is
   * one of that name.
   */
  suggestedFilename?: 'take-free' | 'replace'
  /** Which name is taken if a file has that of the destination by then. */
  destinationClash?: 'take-free' | 'replace'
  /** Whether the request goes over HTTP/3; absent, the session says. */
  http3?: 'off' | 'auto' | 'only'
  /** Tries HTTP/3 before the server has offered it. */
  assumesHttp3Capable?: boolean
  /** Over how many connections a download comes; absent, the session says. */
  segments?: number | 'automatic'
}

/** An error of NSURLErrorDomain. */
export interface TaskError {
  /** The number. */
  code: number
  /** Apple's name without the prefix `NSURLError`. */
  codeName: string
  /** Apple's English sentence. */
  message: string
  /** What exactly happened. */
  detail?: string
  /** The URL that could not be loaded, without user-info. */
  failingURL?: string
  /** The HTTP status, where the task takes statuses as failures. */
  statusCode?: number
  /** Why the system and not the app cancelled the task: Apple's 0, 1 and 2. */
  cancelledReason?: number
  /** From what a new download can go on. */
  resumeData?: string
}

/** How a task is. */
export interface TaskListing {
  /** The number in the session. */
  taskIdentifier: number
  /** What it moves. */
  kind: 'download' | 'upload' | 'data'
  /** Where a download's file appears once it is whole, unless the server names it. */
  destination?: string
  /** The URL asked for, without user-info. */
  url: string
  /** The method. */
  method: string
  /** The app's own text. */
  description?: string
  /** Apple's state. */
  state: 'running' | 'suspended' | 'canceling' | 'completed'
  /** Why a running task moves no bytes. */
  reason?: 'slot' | 'connectivity' | 'retry' | 'begin' | 'disk' | 'answer' | 'conditions'
  /** Until when it waits, in milliseconds since 1970, where that is known. */
  waitingUntil?: number
  /** Attempts so far. */
  attempts: number
  /** Body bytes received and kept. */
  countOfBytesReceived: number
  /** Body bytes expected; absent when unknown. */
  countOfBytesExpectedToReceive?: number
  /** Body bytes sent by the running or last attempt. */
  countOfBytesSent: number
  /** Body bytes expected to be sent; absent when unknown. */
  countOfBytesExpectedToSend?: number
  /** When it was created, in milliseconds since 1970. */
  created: number
  /** When it completed. */
  completed?: number
  /** The head of the response. */
  response?: ResponseHead
  /** The error it ended with, or that of the last attempt. */
  error?: TaskError
  /** Where the finished file or the kept response body is. */
  file?: string
}

/** How much a session keeps of responses. */
export interface UrlCacheFields {
  /** Bytes in memory. */
  memoryCapacity: number
  /** Bytes on disk. */
  diskCapacity: number
}

/** How slow a transfer may be. */
export interface LowestSpeedFields {
  /** Bytes per second on average, both directions together. */
  bytesPerSecond: number
  /** For how long it may be slower. */
  seconds: number
}

/** One header field. */
export interface HeaderField {
  /** The field's name. */
  name: string
  /** The field's value. */
  value: string
}

/** The head of a response. */
export interface ResponseHead {
  /** The URL that answered, after redirects. */
  url: string
  /** The HTTP status; none is an error. */
  statusCode: number
  /** `http/1.1`, `h2` or `h3`. */
  networkProtocol?: string
  /** What the body may be called as a file; safe, whoever named it. */
  suggestedFilename?: string
  /** Header fields as received. */
  headers: Array<HeaderField>
}

/** The request of a transaction, without header fields. */
export interface TransactionRequest {
  /** Its URL, without user-info. */
  url: string
  /** Its method. */
  method: string
}

/** The response of a transaction. */
export interface TransactionResponse {
  /** The HTTP status. */
  statusCode: number
  /**
   * Its header fields where another request answered it, as a redirect that was followed; those
   * of the final response come with the completion.
   */
  headers?: Array<HeaderField>
}

/** This process's hold on a session. */
export declare class NativeSession {
  /** Attaches the session, starting the daemon if none runs. Waits at most 30 s. */
  constructor(options: SessionOptions, onEvents: () => void)
  /** Takes the events that are there, if any. `onEvents` is called when there are more. */
  takeEvents(): EventBatch | null
  /** Tells where the daemon keeps files, if it has said that. */
  stateFolder(): string | null
  /** Makes metrics of their text. */
  static metrics(text: string): TaskMetrics
  /** Removes what the sessions of this process have on disk, which ends now. */
  static removeTemporaryFiles(): void
  /** Lets go of a session that is gone. */
  close(): void
  /** Creates a task and returns its number once its line is in the daemon's socket. */
  createTask(task: NewTask): number
  /** Lets a task go on. */
  resume(task: number): void
  /** Stops a task and keeps its bytes. */
  suspend(task: number): void
  /** Replaces parts of a task's request and lets it try at once, if it waits for that. */
  edit(task: number, edit: TaskEdit): Promise<void>
  /** Answers the question that a task waits with. */
  answer(task: number, challenge: AuthenticationChallenge, answer: ChallengeAnswer): Promise<void>
  /** Says where the task goes on from a redirect. */
  redirect(task: number, question: number, answer: RedirectAnswer): Promise<void>
  /** Lists the credentials that are kept for the application. */
  credentials(): Promise<Array<StoredCredential>>
  /** Keeps a credential for a server, or for a part of it. */
  setCredential(url: string, realm: string | undefined | null, credential: Credential): Promise<void>
  /** Forgets the credentials of a server, or of a part of it, or all; resolves with how many. */
  removeCredentials(url?: string | undefined | null, realm?: string | undefined | null): Promise<number>
  /** Lists the cookies of a domain and of all hosts below it, or all. */
  cookies(domain?: string | undefined | null): Promise<Array<Cookie>>
  /** Keeps cookies; resolves with how many were taken. */
  setCookies(cookies: Array<Cookie>): Promise<number>
  /** Forgets the cookies of a domain and of all hosts below it, or all; resolves with how many. */
  clearCookies(domain?: string | undefined | null): Promise<number>
  /** Lists the hosts that are asked over `https` only. */
  knownHosts(): Promise<Array<KnownHost>>
  /** Adds hosts as if they had said it themselves; resolves with how many were taken. */
  addKnownHosts(hosts: Array<KnownHost>): Promise<number>
  /** Forgets one host, or all; resolves with how many. */
  clearKnownHosts(host?: string | undefined | null): Promise<number>
  /** Ends a task with -999. */
  cancel(task: number): void
  /** Ends a download with -999; resolves with what a new one can go on from. */
  cancelByProducingResumeData(task: number): Promise<string | null>
  /** Lists the tasks, completed ones whose events are owed included. */
  tasks(): Promise<Array<TaskListing>>
  /** Tells how a task is; rejects if there is none of that number, or none any more. */
  status(task: number): Promise<TaskListing>
  /** Acknowledges kept events: they and their files are forgotten. */
  acknowledge(eventNumbers: Array<number>): void
  /** Resolves once everything asked for is durable. */
  synced(): Promise<void>
  /** Empties what is stored for the session's application, and flushes. */
  reset(): Promise<void>
  /** Writes out what is stored, and lets go of what is cached. */
  flush(): Promise<void>
  /** Refuses new tasks; the session is gone once its tasks are. */
  finishTasksAndInvalidate(): void
  /** Cancels every task, then the session is gone. */
  invalidateAndCancel(): void
}

/** Two dates in milliseconds since 1970. */
export interface DateInterval {
  /** Its start. */
  start: number
  /** Its end. */
  end: number
}

/** What TLS connections must be like. */
export interface TlsFields {
  /** The oldest version. */
  minimumVersion?: '1.2' | '1.3'
  /** The newest version. */
  maximumVersion?: '1.2' | '1.3'
  /** The file of our certificate in PEM, or in PKCS#12 with its key. */
  clientCertificate?: string
  /** The file of its key in PEM, if it is another. */
  clientKey?: string
  /** What opens a file of PKCS#12, or an encrypted key. */
  clientCertificatePassword?: string
  /** Keys that the server may have: `sha256//BASE64`. */
  pinnedPublicKeys?: Array<string>
  /** Takes any certificate: whoever is on the way can read and change what is moved. */
  allowAnyCertificate?: boolean
  /** Refuses `http`, also in redirects. */
  httpsOnly?: boolean
}

/** What a request says of itself, and what redirects make of it. */
export interface RequestPolicyFields {
  /** Names of header fields that are not sent unless the request itself has them. */
  omittedHeaders?: Array<string>
  /** After which of 301, 302 and 303 a POST stays one. */
  keepsPost?: Array<number>
  /** Sends a GET with its body, which is refused otherwise. */
  sendsGetBody?: boolean
  /** Takes credentials along to whatever server a redirect names. */
  trustsRedirects?: boolean
  /** The target of the first request as it stands, such as `*`. */
  target?: string
  /** Path and query of the first request as they stand. */
  path?: string
  /** Where connections to a server go instead; the first that is meant counts. */
  connectTo?: Array<ConnectToFields>
  /** Says to every server that a redirect leads to which URL led there, in `Referer`. */
  tellsReferer?: boolean
  /** Refuses `https`, also in redirects. */
  refusesHttps?: boolean
  /** The only schemes that redirects may lead to. */
  redirectSchemes?: ('http' | 'https')[]
  /** The only version of HTTP that is spoken. */
  httpVersion?: '1.0' | '1.1'
  /** The only way in which a server is shown the credential. */
  authenticationMethod?: 'httpBasic' | 'httpDigest'
  /** Milliseconds that a connection may take to be opened. */
  timeoutIntervalForConnection?: number
  /** The only addresses that are connected to. */
  ipVersion?: 'v4' | 'v6'
  /** The interface that connections go out by, or the address that they come from. */
  requiredInterface?: string
  /** The Unix socket that every request goes over, wherever redirects lead. */
  unixSocket?: string
  /** Lets servers of HTTP/1.1 pack bodies for the way alone, which are then unpacked. */
  acceptsTransferCodings?: boolean
}

/** What a server asks. */
export interface AuthenticationChallenge {
  /** Tells it from the task's other questions. */
  question: number
  /** Who asks, and how. */
  protectionSpace: ProtectionSpace
  /** How often the task was refused there with a credential. */
  previousFailureCount: number
  /** Whose password was refused last. */
  proposedUser?: string
  /** The certificates that the server shows, its own first, in DER and Base64. */
  serverTrust?: Array<string>
  /** What is wrong with them. */
  reason?: string
  /** Until when an answer is waited for, in milliseconds since 1970. */
  until: number
}

/** What a server wants to see again. Dates are milliseconds since 1970. */
export interface Cookie {
  /** The name; empty for a cookie that is only a value. */
  name: string
  /** The value. */
  value: string
  /** The host it came from, or the domain whose hosts all get it. */
  domain: string
  /** Whether it goes to that host only, and not to those below it. */
  hostOnly: boolean
  /** The path it is for, with everything below it. */
  path: string
  /** Whether it goes over `https` only. */
  secure: boolean
  /** Whether it is kept from scripts: of no effect here. */
  httpOnly: boolean
  /** What it says about requests that another site caused. */
  sameSite?: 'none' | 'lax' | 'strict'
  /** When it ends; absent with the process that holds it. */
  expires?: number
  /** When it was first set; absent is now. */
  created?: number
}

/** What a session is created with. */
export interface SessionOptions {
  /** Where its transfers live: in the daemon, or in this process, which they end with. */
  configuration?: 'background' | 'default' | 'ephemeral'
  /** The name of a background session inside the application. */
  identifier?: string
  /** The application. */
  applicationId: string
  /** Header fields added to every request. */
  headers?: Array<HeaderField>
  /** Milliseconds without any byte before an attempt is given up. */
  timeoutIntervalForRequest?: number
  /** Milliseconds from the first resume, or a later `earliestBeginDate`, to completion. */
  timeoutIntervalForResource?: number
  /** Whether tasks wait for a network where there is none. A background session that does not is refused. */
  waitsForConnectivity?: boolean
  /** Most attempts at once against one host. */
  maximumConnectionsPerHost?: number
  /** Most attempts at once. */
  maximumConcurrentTasks?: number
  /** Starts the application when it is needed and does not run. */
  launchCommand?: LaunchCommand
  /** Which cookies of responses are kept. */
  httpCookieAcceptPolicy?: 'always' | 'never' | 'onlyFromMainDocumentDomain'
  /** Whether requests carry the cookies that are kept. */
  httpShouldSetCookies?: boolean
  /** Which cookies these are: the application's, the session's own in memory, or none. */
  httpCookieStorage?: 'shared' | 'private' | 'none'
  /** Whether hosts that said so are asked over https only: they are. */
  usesStrictTransportSecurity?: boolean
  /** When requests that do not say it themselves are answered with what is kept. */
  requestCachePolicy?: string
  /** How much is kept of responses. A background session that asks for any is refused. */
  urlCache?: UrlCacheFields
  /** Through whom requests go; absent, the environment says. */
  connectionProxy?: ProxyFields
  /** What TLS connections must be like. */
  tls?: TlsFields
  /** PEM files of roots that are trusted beside the platform's. */
  caCertificates?: Array<string>
  /** The credential of tasks that have none, each for the origin of its own request. */
  credential?: Credential
  /** Which kept credentials tasks use: the application's, or none. */
  urlCredentialStorage?: 'shared' | 'none'
  /** Whether the app answers challenges. */
  answersChallenges?: boolean
  /** Whether the app decides about redirects. A background session that asks for it is refused. */
  answersRedirections?: boolean
  /**
   * Whether requests that do not say it themselves go over HTTP/3; absent, those do that assume
   * it.
   */
  http3?: 'off' | 'auto' | 'only'
  /** Over how many connections downloads come that do not say it themselves: one. */
  segments?: number | 'automatic'
}

/** What all requests of a task took. */
export interface TaskMetrics {
  /** Every request, in order: each redirect and each further try is one of its own. */
  transactionMetrics: Array<TransactionMetrics>
  /** From the creation of the task to its completion. */
  taskInterval: DateInterval
  /** Redirects that were followed. */
  redirectCount: number
  /** Transactions left out of the middle of very many. */
  omittedTransactions: number
}

/** What happened; which fields there are depends on the name. */
export interface SessionEvent {
  /** Apple's name of the callback. */
  name: 'didWriteData' | 'didSendBodyData' | 'didResumeAtOffset' | 'willBeginDelayedRequest' | 'didReceiveChallenge' | 'willPerformHTTPRedirection' | 'didChangeState' | 'didReceiveData' | 'didFinishDownloading' | 'didComplete' | 'didFinishEvents' | 'didBecomeInvalid'
  /** The task; absent for events of the session itself. */
  taskIdentifier?: number
  /** Present on events that are kept until acknowledged. */
  eventNumber?: number
  /** `didWriteData`: bytes since the last such event. */
  bytesWritten?: number
  /** `didWriteData`: bytes so far. */
  totalBytesWritten?: number
  /** `didWriteData`: bytes in all; absent when unknown. */
  totalBytesExpectedToWrite?: number
  /** `didSendBodyData`: bytes since the last such event. */
  bytesSent?: number
  /** `didSendBodyData`: bytes so far. */
  totalBytesSent?: number
  /** `didSendBodyData`: bytes in all; absent when unknown. */
  totalBytesExpectedToSend?: number
  /** `didResumeAtOffset`: where the download goes on. */
  fileOffset?: number
  /** `didResumeAtOffset`: bytes in all; absent when unknown. */
  expectedTotalBytes?: number
  /** `didResumeAtOffset`: what proved that the entity is the same. */
  rung?: 'strongEtag' | 'lastModified' | 'restart'
  /** `didChangeState`: Apple's state. */
  state?: 'running' | 'suspended' | 'canceling' | 'completed'
  /** `didChangeState`: why the task waits. */
  reason?: string
  /** `didReceiveData`, `didFinishDownloading`: the file. */
  path?: string
  /** `didReceiveData`, `didFinishDownloading`: its size. */
  length?: number
  /**
   * `didComplete`, `didBecomeInvalid`, `didChangeState`, `willBeginDelayedRequest`: what went
   * wrong.
   */
  error?: TaskError
  /** `didReceiveChallenge`: what is asked. */
  challenge?: AuthenticationChallenge
  /** `willPerformHTTPRedirection`: where the server sends the task. */
  redirection?: HttpRedirection
  /** `didComplete`: the HTTP status, if there was a response. */
  statusCode?: number
}

/** What replaces parts of a task's request. */
export interface TaskEdit {
  /** The new URL; credentials of another origin do not go there. */
  url?: string
  /** Header fields that replace those of the same names. */
  headers?: Array<HeaderField>
  /** The new credential. */
  credential?: Credential
}

/** What the app answers. */
export interface ChallengeAnswer {
  /** What to do. */
  disposition: 'useCredential' | 'performDefaultHandling' | 'cancelAuthenticationChallenge' | 'rejectProtectionSpace' | 'useServerTrust' | 'useClientCertificate'
  /** `useCredential`: which. */
  credential?: Credential
  /** `useClientCertificate`: the file of our certificate in PEM, or in PKCS#12 with its key. */
  clientCertificate?: string
  /** The file of its key in PEM, if it is another. */
  clientKey?: string
  /** What opens a file of PKCS#12, or an encrypted key. */
  clientCertificatePassword?: string
}

/** What the app says to a redirect. */
export interface RedirectAnswer {
  /** Goes on as proposed, goes on with `request`, or takes the redirect for the response. */
  disposition: 'follow' | 'useRequest' | 'refuse'
  /** `useRequest`: which. */
  request?: NewRequest
}

/** Which proxy a request goes through; an empty object is none at all. */
export interface ProxyFields {
  /** The proxy of `http` URLs: `[http|https|socks5|socks5h|socks|socks4|socks4a]://[user:password@]host[:port]`. */
  http?: string
  /** The proxy of `https` URLs. */
  https?: string
  /** Hosts that are reached straight. */
  exceptions?: Array<string>
  /**
   * Has an HTTP proxy connect to the servers of `http` URLs, too, instead of taking their
   * requests itself.
   */
  tunnels?: boolean
  /** Header fields for an HTTP proxy. */
  headers?: Array<HeaderField>
  /** Says `CONNECT` in HTTP/1.0. */
  speaksHttp10?: boolean
  /** What the connection to an `https` proxy must be like. */
  tls?: TlsFields
  /** Files with roots that an `https` proxy may have, too. */
  caCertificates?: Array<string>
}
