import type { CallResult } from "../../src/xapi/rpc/reply.ts";
import { XapiSession } from "../../src/xapi/rpc/session.ts";
import { XapiSocket } from "../../src/xapi/rpc/socket.ts";
import { Api } from "../dom0/simulator/api.ts";
import { Database } from "../dom0/simulator/database.ts";
import { ApiError } from "../dom0/simulator/errors.ts";
import { parseRpcValue, type RpcValue } from "../dom0/simulator/rpc-value.ts";
import { Sessions } from "../dom0/simulator/sessions.ts";

/** The simulator's API over a database, without a socket in between. */
export class ApiSocket extends XapiSocket {
  /** The calls since the login, and how many records XAPI read for them. */
  readonly calls: { readonly method: string; readonly records: number }[] = [];
  readonly database: Database;
  readonly #api: Api;

  constructor(content: unknown) {
    super("/nonexistent");
    this.database = Database.from(content);
    this.#api = new Api(this.database, new Sessions(), () => "OpaqueRef:NULL");
  }

  override async call(method: string, params: readonly unknown[]): Promise<CallResult> {
    const rpcParams = params.map((param): RpcValue => parseRpcValue(JSON.stringify(param)));
    try {
      const { result, records } = this.#api.call(method, rpcParams);
      this.calls.push({ method, records });
      return { ok: true, value: result };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.calls.push({ method, records: 0 });
      return { ok: false, error: { kind: "refused", code: error.code, params: error.params } };
    }
  }

  /** How many records were read. */
  get records(): number {
    return this.calls.reduce((sum, { records }) => sum + records, 0);
  }
}

/** A session over such a database, logged in. */
export async function openSessionOn(
  content: unknown,
  hostUuid: string,
): Promise<{ readonly socket: ApiSocket; readonly session: XapiSession }> {
  const socket = new ApiSocket(content);
  const session = await XapiSession.open(hostUuid, socket);
  socket.calls.length = 0;
  return { socket, session };
}
