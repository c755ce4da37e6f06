/** An error of the API: a code and its parameters, sent with HTTP status 200. */
export class ApiError extends Error {
  readonly code: string;
  readonly params: readonly string[];

  constructor(code: string, ...params: string[]) {
    super([code, ...params].join(" "));
    this.code = code;
    this.params = params;
  }
}

/**
 * An API error raised before the call is dispatched. Whatever version was asked for, xapi writes it
 * as JSON-RPC 2.0 with an array for `error` and 0 for `id` (recorded 137).
 */
export class EarlyApiError extends Error {
  readonly error: ApiError;

  constructor(error: ApiError) {
    super(error.message);
    this.error = error;
  }
}

/** An exception that xapi does not catch: HTTP 500, with the exception as OCaml prints it. */
export class UncaughtError extends Error {
  readonly printed: string;

  constructor(printed: string) {
    super(printed);
    this.printed = printed;
  }
}
