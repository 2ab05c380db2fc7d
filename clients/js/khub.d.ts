/** An AI's link to a khub hub: the types of khub.js. Its beginning says what is sure of a link. */

export type Payload = Record<string, any>;

/**
 * waiting for the next try; connecting; greeting: hello said, its answer awaited; ended: closed,
 * refused for good, or out of retries.
 */
export type State = 'waiting' | 'connecting' | 'greeting' | 'joined' | 'ended';

/** How far somebody has read: all before `seq`, and `part` messages of that (0: all of it). */
export interface Position {
  readonly seq: number;
  readonly part: number;
}

/**
 * All that a link ends with or is rejected with, but RangeError and TypeError for arguments that
 * can't be.
 */
export class KhubError extends Error {}

/**
 * The hub would not have it. `code` is one of its error codes, `detail` its sentence, `payload` all
 * that it said (of a conflict the current `value` and `version`).
 */
export class Refused extends KhubError {
  constructor(payload: Payload);
  readonly code: string;
  readonly detail: string;
  readonly payload: Payload;
  /** Milliseconds after which a limit is free again; null: time alone does not free it. */
  readonly retryAfterMs: number | null;
}

/** There is no hub, or the connection to it was lost. */
export class Unreachable extends KhubError {}

/** The hub is not the one that was meant; or it would be told a token in the open. */
export class Untrusted extends KhubError {}

/** The link was closed. */
export class Closed extends KhubError {}

/** The message is longer than the hub takes. */
export class TooLong extends KhubError {}

/** A message as it came. */
export class Message {
  private constructor();
  readonly type: string;
  readonly sender: string;
  readonly payload: Payload;
  /** Null for everyone. */
  readonly target: string | null;
  readonly messageId: string;
  readonly timestamp: string;
  /** Its place in the room; 0 for what the hub answers. */
  readonly seq: number;
  /** Its own JSON, for numbers that JavaScript rounds. */
  readonly line: string;
  /**
   * The `since` of a later link that has handled this and all before it; null for what has no place
   * in the room.
   */
  readonly position: Position | null;
  /** Of a chat: what was said. */
  readonly text: string;
  /** Null for what is no message. */
  static parse(line: string): Message | null;
}

/**
 * The hub has accepted a message. `delivered`: its target was connected, or it had none; `stored`:
 * else it waits for its target, who is away and stays.
 */
export interface Outcome {
  readonly messageId: string;
  readonly seq: number;
  readonly delivered: boolean;
  readonly stored: boolean;
}

/** Who has the right to work on `key`; `mine`: this AI. */
export interface Lease {
  readonly key: string;
  readonly holder: string;
  readonly fence: number;
  readonly ttlS: number;
  readonly intent: string | null;
  readonly mine: boolean;
}

export interface Options {
  /**
   * HOST:PORT, [IPV6]:PORT, khub://HOST:PORT, khubs://HOST:PORT for TLS, unix:/PATH; or
   * ws://HOST:PORT/ws and wss:// of a gateway, which is what browsers need. Else that of $KHUB_HUB,
   * or 127.0.0.1:6000.
   */
  address?: string | null;
  /** By default "general". */
  specialization?: string;
  capabilities?: readonly string[];
  /** By default "main". */
  room?: string;
  /** Sees what others say, is listed nowhere, says nothing but queries. */
  observer?: boolean;
  /**
   * Null: from now on. A position or seq: what came after it. "last": where the hub knows that this
   * AI was; it is told as messages are handled.
   */
  since?: Position | { seq: number; part?: number } | number | 'last' | null;
  /**
   * So many seconds the AI stays in its room when a connection ends. Who comes back in another
   * process shows the resumeToken.
   */
  staysS?: number;
  resumeToken?: string;
  /**
   * For a hub that asks for one. Null, in Node: that of tokenFile; else of $KHUB_TOKEN (which is
   * taken out of the environment, so that no child has it); else of khub/tokens/HOST:PORT in
   * $XDG_CONFIG_HOME or ~/.config. "": none.
   */
  token?: string | null;
  tokenFile?: string | null;
  /** It is shown to another machine without TLS, too. */
  tokenOpen?: boolean;
  /** A PEM file with who may vouch for a hub of khubs://, in the place of Node's roots. */
  ca?: string | null;
  /** Or: its certificate has this SHA-256 (else $KHUB_FINGERPRINT). */
  fingerprint?: string | null;
  /** PEM files of what this AI shows to a hub that asks for a certificate, and its key. */
  cert?: string | null;
  key?: string | null;
  version?: string;
  features?: readonly string[];
  collaborationReady?: boolean;
  /** Bytes of knowledge that come with the answer to a hello; 0: none; null: as the hub likes. */
  syncMax?: number | null;
  /** Failed tries in a row that end the link; 0: any loss ends it; null: none does. */
  retries?: number | null;
  /** 200. */
  retryFirstMs?: number;
  /** 10000. */
  retryMaxMs?: number;
  /** 30000. */
  heartbeatMs?: number;
  /** Bytes of what is published and not answered; what is beyond waits. 8 MiB. */
  queueMax?: number;
  /** Characters of messages that wait to be taken; then nothing more is read. 8 Mi. */
  inboxMax?: number;
  /** Bytes of the longest line that is read. 64 MiB. */
  lineMax?: number;
  /** False: for who only publishes and asks; messages of others are let go. */
  listens?: boolean;
  /** Called when the link's state changes; it must not wait. */
  onState?: ((state: State, error: Error | null) => void) | null;
  /** Aborted, it ends the link at once. */
  signal?: AbortSignal | null;
}

export interface Knowledge {
  text?: string;
  id?: string;
  section?: string;
  contributor?: string;
  specialization?: string;
  subject?: string;
  order?: string;
  since?: number;
  limit?: number;
  cursor?: string;
}

/** A link. It iterates over its messages: each is handled when the next one is asked for. */
export class Client implements AsyncIterable<Message> {
  /** Throws RangeError for what can't be. */
  constructor(aiId: string, options?: Options);
  readonly aiId: string;
  readonly state: State;
  /** What the hub answered to the last hello: who is there, what is known. */
  readonly sync: Payload;
  /** How far all was handled: the `since` of a later link. */
  readonly position: Position | null;
  /** The resumeToken of a later link that takes this one's id over, or comes back to it. */
  readonly resumeToken: string;
  /** So many seconds the AI stays when this connection ends, by the hub's word. */
  readonly stays: number;
  /** Lines of the hub's that were no messages, or longer than lineMax. */
  readonly skipped: number;

  /** Resolves once the hub has answered; rejects with what ended the link before that. */
  join(): Promise<void>;
  /**
   * Waits until all that was published is answered, and ends the link. leave: the AI leaves its
   * room, staysS or not. After timeoutMs it ends in any case. handled: whether the message in hand
   * is (true).
   */
  close(options?: { leave?: boolean; timeoutMs?: number | null; handled?: boolean }): Promise<void>;

  /**
   * The next message, by which the one before it is handled; null when none came in time. Rejects
   * with what ended the link.
   */
  receive(options?: { timeoutMs?: number | null }): Promise<Message | null>;
  /** The message in hand is handled, before the next one is asked for. */
  handled(): void;
  [Symbol.asyncIterator](): AsyncGenerator<Message, void, undefined>;
  /** The callback is called by run() with each message of these types; null: of all. */
  on(types: string | readonly string[] | null, callback: (message: Message) => unknown): this;
  /**
   * Joins, and calls what on() registered, one message after the other, until the link is closed. A
   * callback that fails ends the link, and run() rejects with its error: its message was not
   * handled.
   */
  run(): Promise<void>;

  /**
   * Says a message of any type that a client may send, to `target` or all; resolves once the hub
   * has accepted it. A messageId made of what it is for has the hub take it once, even when the
   * program has forgotten that it said it.
   */
  publish(type: string, payload: Payload,
    options?: { target?: string | null; messageId?: string | null }): Promise<Outcome>;
  /**
   * Free text. Name what it answers: the hub ends chains that would go on for ever. replyBy:
   * seconds after which an error no_reply comes, if the target has not answered.
   */
  chat(text: string,
    options?: { to?: string | null; inReplyTo?: Message | null; replyBy?: number | null }): Promise<Outcome>;
  sharePattern(pattern: Payload, options?: { lease?: Lease | null }): Promise<Outcome>;
  shareCode(code: Payload, options?: { lease?: Lease | null }): Promise<Outcome>;
  shareComponent(component: Payload, options?: { lease?: Lease | null }): Promise<Outcome>;
  /** What was measured of an entry. */
  report(componentId: string, performance: Payload): Promise<Outcome>;
  requestFeature(feature: string, requirements?: Payload): Promise<Outcome>;
  answerFeature(requestor: string, feature: string, component: Payload): Promise<Outcome>;
  /** To parameters or a module, before it is measured; a "challenge" brings the nonce. */
  commit(subject: string, subjectVersion: string, sha256: string): Promise<Outcome>;
  changeCapabilities(capabilities: readonly string[]): Promise<void>;

  /**
   * Asks for the right to work on something, until this AI was silent for ttlS seconds (60), or
   * gives it back: look at `mine`. Asked again, it is renewed; heartbeats do that too, where ttlS
   * is more than theirs.
   */
  claim(key: string, options?: { ttlS?: number; intent?: string | null }): Promise<Lease>;
  /** Gives it back. done: nobody need take it up. */
  release(lease: Lease, options?: { done?: boolean }): Promise<Outcome>;
  /**
   * Work for anybody, once all that it `needs` is closed. Its id is `key`, or "t" and the seq of
   * the outcome. Who takes it claims "task:ID".
   */
  addTask(title: string, options?: { body?: string | null; key?: string | null; needs?: readonly string[];
    blocks?: readonly string[] }): Promise<Outcome>;
  /**
   * It is done, by who holds it. evidence: {command, exit, printed} of what was run to see that it
   * is.
   */
  finishTask(lease: Lease, evidence?: readonly Payload[]): Promise<Outcome>;
  /** What came of the command of that index when this AI ran it. */
  reportEvidence(task: string, exit: number, options?: { printed?: string | null; index?: number }): Promise<Outcome>;

  /**
   * This AI changes these files or directories of the project: who works at them as well is warned,
   * and so is it, by a message "path_warning". done: it does so no more.
   */
  touch(paths: readonly string[],
    options?: { note?: string | null; ttlS?: number | null; done?: boolean }): Promise<Outcome>;

  /**
   * Asks a person, or (without a target) any, and resolves to the question's id. What is chosen
   * comes as a message "approval"; after timeoutS seconds the default holds.
   */
  requestApproval(question: string, choices: readonly string[], fallback: string, timeoutS: number,
    options?: { target?: string | null }): Promise<string>;
  /**
   * By a person, whose specialization is "person"; refused as a "conflict" when it was decided
   * before.
   */
  answerApproval(approvalId: string, choice: string, note?: string | null): Promise<Outcome>;
  /** An own question need not be answered any more. */
  withdrawApproval(approvalId: string): Promise<Outcome>;

  /** Offers a session to one AI, or to all, and resolves to its id. */
  openSession(type: string, description: string, options?: { target?: string | null; offered?: readonly string[];
    seeking?: readonly string[] }): Promise<string>;
  answerSession(sessionId: string, accepted?: boolean, reason?: string | null): Promise<Outcome>;
  /** 0 to 1. */
  progress(sessionId: string, progress: number, note?: string | null): Promise<Outcome>;
  /** Early. */
  endSession(sessionId: string, status: 'failed' | 'cancelled', note?: string | null): Promise<Outcome>;
  completeSession(sessionId: string, component: Payload): Promise<Outcome>;
  /**
   * A key of a session's workspace, made from that version of it (0: there was none); its version
   * is then one more. Refused as a "conflict" whose payload has `value` and `version` when somebody
   * else was first.
   */
  write(sessionId: string, key: string, value: unknown,
    options?: { baseVersion?: number; lease?: Lease | null }): Promise<Outcome>;
  /** All of it. */
  workspace(sessionId: string): Promise<Record<string, { version: number; value: any }>>;

  /**
   * A file for a session's workspace, made from that version of it (0: there was none); resolves to
   * what the hub says of it, with its `version`. forRoom: not for the session alone. Refused as a
   * "conflict" when somebody else was first. (In a page: where it came by HTTPS, or from its own
   * machine.)
   */
  putArtifact(sessionId: string, name: string, data: Uint8Array,
    options?: { baseVersion?: number; forRoom?: boolean }): Promise<Payload>;
  getArtifact(sessionId: string, name: string): Promise<Uint8Array>;

  /** A query ("member_query", …) and the payload of its answer: one page. */
  ask(query: string, payload?: Payload): Promise<Payload>;
  /**
   * A page of what the room knows and fits all of that: `entries`, by section; `next`, the cursor
   * of the next page.
   */
  knowledge(wanted?: Knowledge): Promise<Payload>;
  /** One task, with its evidence and what others report of that: `task`. */
  task(id: string): Promise<Payload>;
  /** One question to a person, and what was chosen: `approvals`, a list of one. */
  approval(id: string): Promise<Payload>;
  /**
   * What became of an own message, by the seq of its outcome: `messages`, a list of one, with the
   * `state` of each of its `receivers`.
   */
  sent(seq: number): Promise<Payload>;
  /** One session: `session`, with the first of its workspace. */
  session(id: string): Promise<Payload>;
  /** One AI, also if it has left: `members`, a list of one. */
  member(id: string): Promise<Payload>;
  /** Who is there, connected or away. */
  members(): Promise<Payload[]>;
  sessions(): Promise<Payload[]>;
  /** Of one status ("pending", "answered", "timed_out", "withdrawn"), or all. */
  approvals(status?: string | null): Promise<Payload[]>;
  /** Which files there are, of a session or of all that it may read. */
  artifacts(sessionId?: string | null): Promise<Payload[]>;
  /**
   * Of one status ("ready", "blocked", "claimed", "done", "dropped"; "open": the first three), or
   * all.
   */
  tasks(status?: string | null): Promise<Payload[]>;
  /** Direct messages that were not taken, of a `sender` or for a `target`. */
  deadLetters(wanted?: { sender?: string; target?: string }): Promise<Payload[]>;
  deadLetter(id: number, action: 'resend' | 'drop'): Promise<Payload>;
}

/**
 * Bytes in, lines out: `told` is called with each, or with null for one that is longer than max, or
 * not UTF-8.
 */
export class Lines {
  constructor(max: number, told: (line: string | null) => void);
  feed(bytes: Uint8Array): void;
}

/**
 * Something that was said and is not answered yet. settled is called once; `outcome` or `answer`
 * are then in it.
 */
export interface Pending {
  messageId: string;
  type: string;
  line: string;
  bytes: number;
  answeredBy: string | null;
  outcome: Outcome | null;
  answer: Payload | null;
  settled(error: Error | null): void;
}

/**
 * A link without its socket, for another kind of wire: lines in, lines out. Whoever has one tells
 * it what happens, sends what output() returns, and looks at `state` after each call; `now` is any
 * monotonic clock's milliseconds.
 */
export class Protocol {
  constructor(aiId: string, options: Options, token: string, now: number, chance?: () => number);
  readonly state: State;
  readonly error: Error | null;
  /** When tick wants to be called; null: not at all. */
  readonly due: number | null;
  /** Changes of state; who tells them takes them out. */
  readonly moves: [State, Error | null][];
  readonly handled: Position | null;
  readonly cursor: number;
  readonly pending: Map<string, Pending>;
  readonly ended: boolean;
  readonly overflows: boolean;
  readonly wantsReading: boolean;
  /** All is said: the hub's end is awaited. */
  readonly lingering: boolean;
  connecting(now: number): void;
  /** local: what is said stays on this machine, or is encrypted. */
  mayShow(local: boolean): boolean;
  connected(now: number, local: boolean): void;
  lost(now: number, error: Error): void;
  receive(line: string | null, now: number): void;
  heard(now: number): void;
  tick(now: number): void;
  output(): string[];
  encode(type: string, payload: Payload, target: string | null, messageId: string): { line: string; bytes: number };
  hasRoom(bytes: number): boolean;
  add(pending: Pending): void;
  change(capabilities: readonly string[]): void;
  take(): Message | null;
  handle(): void;
  toldSoon(now: number): void;
  overflow(now: number): void;
  close(leave?: boolean): void;
  end(error: Error | null): void;
}
