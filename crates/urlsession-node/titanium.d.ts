// The Titanium face: the module `com.appcelerator.urlSession`, and the parts of `Ti` that this package brings.
import type { AuthenticationChallenge, HeaderField, TaskListing, TaskMetrics } from './native.js';
import type { ChallengeDisposition, CommonSessionOptions, Credential } from './modern.js';

export type HeaderFields = Record<string, string>;

/** Beside Titanium's two, what sessions of the modern face have. */
export interface ConfigurationOptions extends Omit<CommonSessionOptions, 'headers' | 'onDelayedRequest' | 'onChallenge'> {
  identifier: string;
  HTTPHeaderFields?: HeaderFields;
  /** Tasks always wait for a network where there is none: `false` is refused. */
  waitsForConnectivity?: true;
  launchCommand?: string[];
  /** Has tasks wait for `session.answer` when a server asks for a credential; without it a 401 is a result. */
  answersChallenges?: boolean;
}

export declare class SessionConfiguration {
  private constructor();
  readonly identifier: string;
  HTTPHeaderFields: HeaderFields;
}

interface BaseTask {
  url: string;
  method?: string;
  requestHeaders?: HeaderFields;
  description?: string;
  priority?: number;
  earliestBeginDate?: Date | number;
  /** Takes a status of 400 or above as an error. */
  failOnHttpError?: boolean;
  /** Statuses that another request can mend: the task keeps its bytes and waits for `session.edit`. */
  recoverableStatuses?: number[];
}

export interface DownloadTask extends BaseTask {
  destination?: string | URL | TiFile;
  resumeData?: string;
}

export interface UploadTask extends BaseTask {
  data: string | URL | TiBlob | TiBuffer | TiFile | ArrayBuffer | ArrayBufferView;
}

export interface DataTask extends BaseTask {
  data?: unknown;
}

interface BaseEvent<Type extends string> {
  type: Type;
  source: unknown;
  bubbles: boolean;
  cancelBubble: boolean;
}

interface SessionEventOf<Type extends string> extends BaseEvent<Type> {
  sessionIdentifier: string;
}

interface TaskEventOf<Type extends string> extends SessionEventOf<Type> {
  taskIdentifier: number;
}

export interface ErrorFields {
  errorCode: number;
  message: string;
  errorDomain: string;
  detail?: string;
  failingURL?: string;
  cancelledReason?: number;
  resumeData?: string;
}

export interface SessionEvents {
  downloadprogress: TaskEventOf<'downloadprogress'> & {
    bytesWritten: number;
    totalBytesWritten: number;
    /** 0 when unknown. */
    totalBytesExpectedToWrite: number;
  };
  uploadprogress: TaskEventOf<'uploadprogress'> & {
    bytesSent: number;
    totalBytesSent: number;
    totalBytesExpectedToSend: number;
  };
  downloadresumed: TaskEventOf<'downloadresumed'> & { fileOffset: number; expectedTotalBytes: number };
  downloadcompleted: TaskEventOf<'downloadcompleted'> & { data: TiBlob };
  sessioncompleted: TaskEventOf<'sessioncompleted'> & Partial<ErrorFields> & {
    success: boolean;
    /** 0 on success. */
    errorCode: number;
    statusCode?: number;
    responseText?: string;
    responseData?: TiBlob;
  };
  /** A server refused with one of `recoverableStatuses`: the task waits for `session.edit`. */
  requestdelayed: TaskEventOf<'requestdelayed'> & Partial<ErrorFields> & { statusCode?: number };
  /** A server asks for a credential, in a session with `answersChallenges`: the task waits for `session.answer`. */
  challengereceived: TaskEventOf<'challengereceived'> & { challenge: AuthenticationChallenge };
  /** What the requests of a task took; `sessioncompleted` follows. */
  metricscollected: TaskEventOf<'metricscollected'> & { metrics: TaskMetrics };
  sessioneventscompleted: SessionEventOf<'sessioneventscompleted'>;
  sessioninvalidated: SessionEventOf<'sessioninvalidated'> & Partial<ErrorFields>;
}

export interface AppEvents extends SessionEvents {
  backgroundtransfer: BaseEvent<'backgroundtransfer'> & { sessionId: string; handlerId: string };
}

interface Emitter<Events> {
  addEventListener<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => unknown): void;
  removeEventListener<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => unknown): void;
  fireEvent(name: string, event?: object): void;
}

/** What `reset` and `flush` call back with: a number and a sentence where it could not be done. */
export interface Completion {
  completed: boolean;
  errorCode?: number;
  message?: string;
}

export interface Session extends Emitter<SessionEvents> {
  readonly identifier: string;
  readonly HTTPHeaderFields: HeaderFields;
  readonly configuration: SessionConfiguration;
  downloadTask(task: DownloadTask): number | undefined;
  uploadTask(task: UploadTask): number | undefined | null;
  dataTask(task: DataTask): number | undefined;
  pause(taskIdentifier: number): void;
  resume(taskIdentifier: number): void;
  cancel(taskIdentifier: number): void;
  answer(taskIdentifier: number, challenge: AuthenticationChallenge, answer: ChallengeDisposition & {}): void;
  edit(taskIdentifier: number, edit: { url?: string; requestHeaders?: HeaderFields; credential?: Credential }): void;
  getTasks(callback: (answer: { tasks: TaskListing[]; error?: Error }) => void): void;
  finishTasksAndInvalidate(): void;
  invalidateAndCancel(): void;
  reset(callback: (answer: Completion) => void): void;
  flush(callback: (answer: Completion) => void): void;
  ref(): this;
  unref(): this;
}

export interface URLSessionModule {
  readonly moduleId: 'com.appcelerator.urlSession';
  createSessionConfiguration(options: ConfigurationOptions): SessionConfiguration;
  createSession(options: { configuration: SessionConfiguration }): Session | null;
  createURLSession(options: SessionConfiguration | { configuration: SessionConfiguration }): Session | null;
  /** @deprecated use `createSessionConfiguration({ identifier })` */
  createURLSessionBackgroundConfiguration(identifier: string): SessionConfiguration | null;
  /** @deprecated use `session.downloadTask({ url })` */
  backgroundDownloadTaskWithURL(session: Session, url: string): number | undefined;
  /** @deprecated use `session.finishTasksAndInvalidate()` */
  finishTasksAndInvalidate(session: Session): void;
  /** @deprecated use `session.invalidateAndCancel()` */
  invalidateAndCancel(session: Session): void;
  downloadTask(task: DownloadTask & { session: Session }): number | undefined;
  uploadTask(task: UploadTask & { session: Session }): number | undefined | null;
  dataTask(task: DataTask & { session: Session }): number | undefined;
}

/** Bytes in memory, or a file that is read when asked. */
export interface TiBlob {
  readonly length: number;
  readonly size: number;
  readonly mimeType: string;
  readonly nativePath: string | null;
  readonly file: TiFile | null;
  readonly text: string;
  toString(): string;
  bytes(): Buffer;
  arrayBuffer(): Promise<ArrayBuffer>;
  stream(): ReadableStream<Uint8Array>;
  append(other: TiBlob | string): void;
}

export interface TiBuffer {
  [index: number]: number;
  length: number;
  append(source: TiBuffer, offset?: number, length?: number): number;
  insert(source: TiBuffer, at: number, offset?: number, length?: number): number;
  copy(source: TiBuffer, at?: number, offset?: number, length?: number): number;
  clone(offset?: number, length?: number): TiBuffer;
  fill(byte: number, offset?: number, length?: number): void;
  clear(): void;
  release(): void;
  toString(): string;
  toBlob(): TiBlob;
  toBuffer(): Buffer;
}

export interface TiFile {
  readonly nativePath: string;
  readonly name: string;
  readonly parent: TiFile;
  readonly size: number;
  readonly writable: boolean;
  readonly readonly: boolean;
  readonly hidden: boolean;
  readonly symbolicLink: boolean;
  exists(): boolean;
  isFile(): boolean;
  isDirectory(): boolean;
  extension(): string | null;
  createdAt(): Date | null;
  modifiedAt(): Date | null;
  read(): TiBlob | null;
  write(data: string | TiBlob | TiBuffer | TiFile | ArrayBufferView, append?: boolean): boolean;
  append(data: string | TiBlob | TiBuffer | TiFile | ArrayBufferView): boolean;
  copy(destination: string | URL | TiFile): boolean;
  move(destination: string | URL | TiFile): boolean;
  rename(name: string): boolean;
  createFile(): boolean;
  createDirectory(recursive?: boolean): boolean;
  deleteFile(): boolean;
  deleteDirectory(recursive?: boolean): boolean;
  getDirectoryListing(): string[] | null;
  resolve(): string;
  toString(): string;
}

export interface TiProperties extends Emitter<{ change: BaseEvent<'change'> & { property: string } }> {
  getString<Missing = null>(name: string, whenMissing?: Missing): string | Missing;
  getInt<Missing = null>(name: string, whenMissing?: Missing): number | Missing;
  getDouble<Missing = null>(name: string, whenMissing?: Missing): number | Missing;
  getBool<Missing = null>(name: string, whenMissing?: Missing): boolean | Missing;
  getList<Missing = null>(name: string, whenMissing?: Missing): unknown[] | Missing;
  getObject<Missing = null>(name: string, whenMissing?: Missing): object | Missing;
  setString(name: string, value: string | null): void;
  setInt(name: string, value: number | null): void;
  setDouble(name: string, value: number | null): void;
  setBool(name: string, value: boolean | null): void;
  setList(name: string, value: unknown[] | null): void;
  setObject(name: string, value: object | null): void;
  hasProperty(name: string): boolean;
  listProperties(): string[];
  removeProperty(name: string): void;
  removeAllProperties(): void;
}

export interface TiAppIOS extends Emitter<AppEvents> {
  readonly BACKGROUNDFETCHINTERVAL_MIN: number;
  readonly BACKGROUNDFETCHINTERVAL_NEVER: number;
  setMinimumBackgroundFetchInterval(interval: number): void;
  endBackgroundHandler(handlerId: string): void;
}

type Log = (...message: unknown[]) => void;

/** The parts of Titanium that the session API needs. */
export interface Titanium {
  readonly version: string;
  readonly userAgent: string;
  readonly API: Record<'trace' | 'debug' | 'info' | 'notice' | 'warn' | 'error' | 'timestamp', Log> & {
    log(level: string, ...message: unknown[]): void;
  };
  /** For `instanceof`: blobs and buffers are made by what has bytes. */
  readonly Blob: abstract new () => TiBlob;
  readonly Buffer: abstract new () => TiBuffer;
  readonly App: Emitter<Record<string, any>> & {
    readonly id: string;
    readonly name: string;
    readonly version: string;
    readonly description: string;
    readonly sessionId: string;
    readonly deployType: string;
    readonly iOS: TiAppIOS;
    readonly Properties: TiProperties;
  };
  readonly Filesystem: {
    readonly separator: string;
    readonly lineEnding: string;
    readonly resourcesDirectory: string;
    readonly applicationDirectory: string;
    readonly applicationDataDirectory: string;
    readonly applicationSupportDirectory: string;
    readonly applicationCacheDirectory: string;
    readonly tempDirectory: string;
    getFile(...parts: string[]): TiFile;
    createTempFile(): TiFile;
    createTempDirectory(): TiFile;
  };
  readonly Platform: Record<string, unknown> & { createUUID(): string };
  createBuffer(options?: { length?: number; value?: string | number; type?: string }): TiBuffer;
}

export type { HeaderField, TaskListing };
