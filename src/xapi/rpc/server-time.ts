import * as v from "valibot";
import type { Reader } from "../inventory/reader.ts";

const Pools = v.record(v.string(), v.object({ master: v.string() }));

/** `20261127T23:18:56Z`; newer releases may write it with hyphens. */
const TIME = /^(\d{4})-?(\d\d)-?(\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/;

const ServerTime = v.pipe(v.string(), v.transform(parseTime), v.date());

/** Reads the time on the pool's coordinator. */
export async function readServerTime(reader: Reader): Promise<Date> {
  const [pool] = Object.values(await reader.value(Pools, "pool.get_all_records"));
  return await reader.value(ServerTime, "host.get_servertime", pool?.master ?? "");
}

/** A time as XAPI writes it; null where it is none. */
export function parseTime(text: string): Date | null {
  const [, year, month, day, time] = TIME.exec(text) ?? [];
  const date = new Date(`${year}-${month}-${day}T${time}Z`);
  return Number.isNaN(date.getTime()) ? null : date;
}
