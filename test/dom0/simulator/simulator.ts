import { Api } from "./api.ts";
import { BusyLock, type Cost } from "./busy-lock.ts";
import type { RecordedCall } from "./control-protocol.ts";
import type { Database } from "./database.ts";
import { ApiError, EarlyApiError, UncaughtError } from "./errors.ts";
import { type Fault, Faults, isMode } from "./faults.ts";
import {
  earlyJsonReply,
  forbidden,
  type HttpReply,
  halfOf,
  htmlPage,
  internalError,
  jsonReply,
  notFound,
  notImplemented,
  optionsReply,
} from "./http-reply.ts";
import { BODY_LIMIT, type HttpRequest } from "./http-request.ts";
import { type Answer, HttpServer } from "./http-server.ts";
import {
  type Call,
  earlyErrorReply,
  errorReply,
  forwardedErrorReply,
  parseCall,
  resultReply,
} from "./json-rpc.ts";
import type { Outcome } from "./method.ts";
import type { Plugins } from "./plugins.ts";
import { expectString, rpcValueToJson } from "./rpc-value.ts";
import { Sessions } from "./sessions.ts";

/** The call a pool member does itself instead of passing it on. */
const LOGIN = "session.login_with_password";

/** The call that is done on another host. */
const CALL_PLUGIN = "host.call_plugin";

/** What the sockets of one pool have in common: the coordinator does what all of them are asked. */
export class Coordinator {
  readonly sessions: Sessions;
  readonly lock = new BusyLock();
  readonly calls: RecordedCall[] = [];

  constructor(
    readonly database: Database,
    /** What `host.call_plugin` starts; without it no host has a plugin. */
    readonly plugins?: Plugins,
  ) {
    this.sessions = new Sessions(() => coordinator(database));
  }
}

/** A XAPI on a Unix socket. It answers like the recorded one, unless told to be at fault. */
export class Simulator {
  readonly database: Database;
  readonly sessions: Sessions;
  readonly api: Api;
  readonly #server: HttpServer;
  readonly #faults = new Faults();
  readonly #lock: BusyLock;
  readonly #calls: RecordedCall[];
  readonly #plugins: Plugins | undefined;

  /**
   * `thisHost` is the host this socket stands on; without it, the coordinator of the pool. `shared` is
   * what it has in common with the sockets of the pool's other hosts.
   */
  constructor(database: Database, socketPath: string, thisHost?: string, shared?: Coordinator) {
    this.database = database;
    this.sessions = shared?.sessions ?? new Sessions(() => thisHost ?? coordinator(database));
    this.#lock = shared?.lock ?? new BusyLock();
    this.#calls = shared?.calls ?? [];
    this.#plugins = shared?.plugins;
    this.api = new Api(database, this.sessions);
    this.#server = new HttpServer(socketPath, (request) => this.#answer(request));
  }

  /** Opens the socket. */
  start(): void {
    this.#server.listen();
  }

  /** Closes the socket and every connection. */
  stop(): void {
    this.#server.close();
  }

  /** The calls since they were last cleared. */
  get calls(): readonly RecordedCall[] {
    return this.#calls;
  }

  /** Forgets the calls so far, and how long they took. */
  clearCalls(): void {
    this.#calls.length = 0;
    this.#lock.heldMs = 0;
  }

  /** How long the calls since they were last cleared have taken, one after the other. */
  get heldMs(): number {
    return this.#lock.heldMs;
  }

  /** Makes calls take time. */
  setCost(cost: Cost): void {
    this.#lock.cost = cost;
  }

  /** Switches a fault or a mode. One that takes the socket away without waiting for calls acts now. */
  setFault(fault: Fault): void {
    this.#faults.set(fault);
    const waits = fault.after !== undefined || fault.method !== undefined;
    if ((fault.fault === "die" || fault.fault === "refuse") && !waits) this.#takeAway(fault);
    else if (!isMode(fault)) this.#server.listen();
  }

  async #answer(request: HttpRequest): Promise<Answer> {
    switch (request.method) {
      case "POST":
        return this.#post(request);
      case "GET":
        return notFound(request);
      case "PUT":
        return forbidden();
      case "OPTIONS":
        return optionsReply(request);
      default:
        return notImplemented(request);
    }
  }

  async #post(request: HttpRequest): Promise<Answer> {
    try {
      if (request.contentLength === undefined) {
        throw new UncaughtError('Failure("We require a content-length: HTTP header")');
      }
      if (request.contentLength > BODY_LIMIT) {
        throw new UncaughtError("Http_svr.Client_requested_size_over_limit");
      }
      // Handlers go by the longest prefix; everything else is XML-RPC (recorded 140-143).
      if (!request.path.startsWith("/jsonrpc")) {
        throw new UncaughtError('Xmlm.Error(1:1, "expected root element")');
      }
      return await this.#faultyCall(request, parseCall(request.body));
    } catch (error) {
      if (error instanceof UncaughtError) return internalError(request, error.printed);
      if (error instanceof EarlyApiError) {
        return earlyJsonReply(request, earlyErrorReply(error.error));
      }
      throw error;
    }
  }

  async #faultyCall(request: HttpRequest, call: Call): Promise<Answer> {
    const fault = this.#faults.strike(call.method);
    switch (fault?.fault) {
      case "half":
        return halfOf(await this.#call(request, call));
      case "slow":
        await Bun.sleep(fault.ms ?? 0);
        return this.#call(request, call);
      case undefined:
        return this.#call(request, call);
      case "error": {
        this.#record(call, false);
        return this.#errorReply(request, call, errorOf(fault, "INTERNAL_ERROR"));
      }
      case "html":
        this.#record(call, false);
        return htmlPage(request);
      case "silence":
        this.#record(call, false);
        return "silence";
      case "die":
      case "refuse":
        this.#record(call, false);
        this.#takeAway(fault);
        return "silence";
      default:
        this.#record(call, false);
        return internalError(request, "Stack_overflow");
    }
  }

  /** Does the call under the lock, in the mode that is on. */
  async #call(request: HttpRequest, call: Call): Promise<HttpReply> {
    try {
      this.#checkMode(call);
    } catch (error) {
      this.#record(call, false);
      throw error;
    }
    // It takes as long as its host takes, and keeps nobody else waiting.
    const plugins = call.method === CALL_PLUGIN ? this.#plugins : undefined;
    if (plugins !== undefined) return await this.#callPlugin(request, call, plugins);
    const outcome = await this.#lock.hold(
      () => this.#do(call),
      (done, cost) => this.#price(call, done, cost),
    );
    if (outcome instanceof ApiError) return this.#errorReply(request, call, outcome);
    return jsonReply(request, resultReply(call, outcome.result));
  }

  async #callPlugin(request: HttpRequest, call: Call, plugins: Plugins): Promise<HttpReply> {
    try {
      const [session, ...params] = call.params;
      this.sessions.check(expectString(session));
      const result = await plugins.call(expectString(session), params);
      this.#record(call, true);
      return jsonReply(request, resultReply(call, result));
    } catch (error) {
      this.#record(call, false);
      if (error instanceof ApiError) return this.#errorReply(request, call, error);
      throw error;
    }
  }

  #do(call: Call): Outcome | ApiError {
    try {
      const outcome = this.api.call(call.method, call.params);
      this.#record(call, true);
      return outcome;
    } catch (error) {
      this.#record(call, false);
      if (error instanceof ApiError) return error;
      throw error;
    }
  }

  #price(call: Call, outcome: Outcome | ApiError, cost: Cost): number {
    const writes = this.api.writes(call.method) || call.method === "event.inject";
    const records = outcome instanceof ApiError ? 0 : outcome.records;
    return (writes ? cost.callMs : 0) + records * cost.recordMs;
  }

  #checkMode(call: Call): void {
    const mode = this.#faults.mode;
    if (mode?.fault === "starting") throw new EarlyApiError(new ApiError("HOST_STILL_BOOTING"));
    if (mode?.fault === "emergency") {
      throw new EarlyApiError(errorOf(mode, "HOST_MASTER_CANNOT_TALK_BACK"));
    }
    if (mode?.fault === "old-member" && call.method !== LOGIN) {
      // The coordinator was sent XML where it takes JSON; what it says then is not recorded.
      throw new UncaughtError('Xmlm.Error(1:1, "expected root element")');
    }
  }

  #errorReply(request: HttpRequest, call: Call, error: ApiError): HttpReply {
    const forwarded = this.#faults.mode?.fault === "member" && call.method !== LOGIN;
    const text = forwarded ? forwardedErrorReply(call, error) : errorReply(call, error);
    return jsonReply(request, text);
  }

  #record(call: Call, ok: boolean): void {
    const { method, params } = call;
    const write = this.api.writes(method);
    this.#calls.push({ method, params: params.map(rpcValueToJson), write, ok });
  }

  #takeAway(fault: Fault): void {
    if (fault.fault === "refuse") this.#server.closeLeavingFile();
    else this.#server.close();
  }
}

function errorOf(fault: Fault, code: string): ApiError {
  return new ApiError(fault.code ?? code, ...(fault.params ?? []));
}

function coordinator(database: Database): string {
  const [pool] = database.records("pool").values();
  const master = pool?.["master"];
  if (typeof master === "string") return master;
  return database.records("host").keys().next().value ?? "OpaqueRef:NULL";
}
