import { Api } from "./api.ts";
import type { Coordinator } from "./coordinator.ts";
import { ApiError, EarlyApiError, UncaughtError } from "./errors.ts";
import { type Fault, Faults, isMode } from "./faults.ts";
import { Gate } from "./gate.ts";
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
import { type Call, earlyErrorReply, errorReply, forwardedErrorReply, parseCall, resultReply } from "./json-rpc.ts";
import { MemberLink } from "./member-link.ts";
import { type HostMethod, type MethodResult, VOID } from "./method.ts";
import { expectString, rpcValueToJson } from "./rpc-value.ts";

/** The call a pool member does itself instead of passing it on. */
const LOGIN = "session.login_with_password";

/** What a call gave, as it is sent. */
interface CallResult {
  readonly text: string;
  readonly outcome: MethodResult;
}

/** Where a simulator stands. */
export interface SimulatorOptions {
  readonly coordinator: Coordinator;
  /** The path of its socket. */
  readonly socket: string;
  /** The host whose xapi it is; without it, the coordinator's. */
  readonly host?: string;
}

/** A XAPI on a Unix socket. It answers like the recorded one, unless told to be at fault. */
export class Simulator {
  readonly api: Api;
  readonly coordinator: Coordinator;
  readonly #server: HttpServer;
  readonly #faults = new Faults();
  readonly #gate = new Gate();
  readonly #link = new MemberLink();
  readonly #host: string | undefined;
  #connectionsBefore = 0;

  constructor({ coordinator, socket, host }: SimulatorOptions) {
    this.coordinator = coordinator;
    this.#host = host;
    this.api = new Api(coordinator.database, coordinator.sessions, () => this.host);
    this.#server = new HttpServer(socket, (request, isNew) => this.#answer(request, isNew));
  }

  /** The host whose xapi it is. */
  get host(): string {
    return this.#host ?? this.coordinator.host;
  }

  /** Whether it passes calls on to another host. */
  get isMember(): boolean {
    return this.host !== this.coordinator.host;
  }

  /** Opens the socket. */
  start(): void {
    this.#server.listen();
  }

  /** Closes the socket and every connection. */
  stop(): void {
    this.#server.close();
  }

  /** How many connections clients have opened since the calls were last cleared. */
  get connections(): number {
    return this.#server.opened - this.#connectionsBefore;
  }

  /** Forgets the calls so far, how long they took, and the connections of this socket. */
  clearCalls(): void {
    this.coordinator.calls.length = 0;
    this.coordinator.lock.heldMs = 0;
    this.#connectionsBefore = this.#server.opened;
  }

  /** Switches a fault or a mode. One that takes the socket away without waiting for calls acts now. */
  setFault(fault: Fault): void {
    this.#faults.set(fault);
    if (this.#faults.mode?.fault === "hang") this.#gate.close();
    else this.#gate.open();
    const waits = fault.after !== undefined || fault.method !== undefined;
    if ((fault.fault === "die" || fault.fault === "refuse") && !waits) this.#shutDown(fault);
    else if (!isMode(fault)) this.#server.listen();
  }

  async #answer(request: HttpRequest, isNew: boolean): Promise<Answer> {
    switch (request.method) {
      case "POST":
        return this.#post(request, isNew);
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

  async #post(request: HttpRequest, isNew: boolean): Promise<Answer> {
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
      const call = parseCall(request.body);
      await this.#gate.waitUntilOpen();
      return await this.#faultyCall(request, call, isNew);
    } catch (error) {
      if (error instanceof UncaughtError) return internalError(request, error.printed);
      if (error instanceof EarlyApiError) {
        return earlyJsonReply(request, earlyErrorReply(error.error));
      }
      throw error;
    }
  }

  async #faultyCall(request: HttpRequest, call: Call, isNew: boolean): Promise<Answer> {
    const fault = this.#faults.nextFault(call.method);
    switch (fault?.fault) {
      case "half":
        return halfOf(await this.#call(request, call, isNew));
      case "slow":
        await Bun.sleep(fault.ms ?? 0);
        return this.#call(request, call, isNew);
      case undefined:
        return this.#call(request, call, isNew);
      case "error": {
        this.#record(call, false);
        return jsonReply(request, this.#errorText(call, errorOf(fault, "INTERNAL_ERROR")));
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
        this.#shutDown(fault);
        return "silence";
      default:
        this.#record(call, false);
        return internalError(request, "Stack_overflow");
    }
  }

  /** Does the call in the mode that is on. */
  async #call(request: HttpRequest, call: Call, isNew: boolean): Promise<HttpReply> {
    const { cost } = this.coordinator;
    if (this.isMember) await this.#link.forward(isNew, cost);
    const text = await this.#carryOut(call, isNew && !this.isMember);
    if (this.isMember) await this.#link.reply(text.length, cost);
    return jsonReply(request, text);
  }

  async #carryOut(call: Call, isNew: boolean): Promise<string> {
    try {
      this.#checkMode(call);
      const { hostMethods, lock, cost } = this.coordinator;
      const method = hostMethods.get(call.method);
      if (method !== undefined) return await this.#callHost(call, method);
      const connectionMs = isNew ? cost.connectionMs : 0;
      const { text } = await lock.hold(
        () => this.#do(call),
        (result) => connectionMs + this.#computeCostMs(call, result),
      );
      return text;
    } catch (error) {
      this.#record(call, false);
      if (error instanceof ApiError) return this.#errorText(call, error);
      throw error;
    }
  }

  async #callHost(call: Call, method: HostMethod): Promise<string> {
    const [session, ...parameters] = call.params;
    this.coordinator.sessions.check(expectString(session));
    const result = await method.run(expectString(session), parameters);
    this.#record(call, true);
    return resultReply(call, result);
  }

  #do(call: Call): CallResult {
    try {
      const outcome = this.api.call(call.method, call.params);
      this.#record(call, true, outcome.records);
      return { text: resultReply(call, outcome.result), outcome };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#record(call, false);
      return { text: this.#errorText(call, error), outcome: VOID };
    }
  }

  #computeCostMs(call: Call, { text, outcome }: CallResult): number {
    const { cost } = this.coordinator;
    const writes = this.api.writes(call.method) || call.method === "event.inject";
    const reading = outcome.records * cost.recordMs + (outcome.rows ?? 0) * cost.rowMs;
    return (writes ? cost.callMs : 0) + reading + (text.length / 1000) * cost.kilobyteMs;
  }

  #checkMode(call: Call): void {
    const mode = this.#faults.mode;
    if (mode?.fault === "starting") throw new EarlyApiError(errorOf(mode, "HOST_STILL_BOOTING"));
    if (mode?.fault === "loading" && call.method === LOGIN) {
      // It looks for its own record in a database without any (recordings-pool).
      const { uuid } = this.coordinator.database.record("host", this.host);
      throw new ApiError("UUID_INVALID", "host", String(uuid));
    }
    if (mode?.fault === "emergency") {
      throw new EarlyApiError(errorOf(mode, "HOST_MASTER_CANNOT_TALK_BACK"));
    }
    if (mode?.fault === "old-member" && call.method !== LOGIN) {
      // The coordinator was sent XML where it takes JSON; what it says then is not recorded.
      throw new UncaughtError('Xmlm.Error(1:1, "expected root element")');
    }
  }

  #errorText(call: Call, error: ApiError): string {
    // What a member passes on stays as it came: the array (recordings-pool).
    const forwarded = this.isMember && call.method !== LOGIN;
    return forwarded ? forwardedErrorReply(call, error) : errorReply(call, error);
  }

  #record(call: Call, ok: boolean, records = 0): void {
    const { method, params } = call;
    const write = this.coordinator.hostMethods.get(method)?.write ?? this.api.writes(method);
    this.coordinator.calls.push({ method, params: params.map(rpcValueToJson), write, ok, records });
  }

  #shutDown(fault: Fault): void {
    if (fault.fault === "refuse") this.#server.closeLeavingFile();
    else this.#server.close();
  }
}

function errorOf(fault: Fault, code: string): ApiError {
  return new ApiError(fault.code ?? code, ...(fault.params ?? []));
}
