import * as v from "valibot";
import type { XapiReader } from "../inventory/xapi-reader.ts";

const PoolRecordsSchema = v.record(v.string(), v.object({ master: v.string() }));

/** `20261127T23:18:56Z`; newer releases may write it with hyphens. */
const TIME_PATTERN = /^(\d{4})-?(\d\d)-?(\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/;

const ServerTimeSchema = v.pipe(v.string(), v.transform(parseXapiTime), v.date());

/** Reads the time on the pool's coordinator. */
export async function readServerTime(reader: XapiReader): Promise<Date> {
  const [pool] = Object.values(await reader.read(PoolRecordsSchema, "pool.get_all_records"));
  return await reader.read(ServerTimeSchema, "host.get_servertime", pool?.master ?? "");
}

/** A time as XAPI writes it; null where it is none. */
export function parseXapiTime(text: string): Date | null {
  const [, year, month, day, time] = TIME_PATTERN.exec(text) ?? [];
  const date = new Date(`${year}-${month}-${day}T${time}Z`);
  return Number.isNaN(date.getTime()) ? null : date;
}
