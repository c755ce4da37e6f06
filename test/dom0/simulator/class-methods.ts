import type { Database } from "./database.ts";
import { ApiError } from "./errors.ts";
import { matches, parseFilter } from "./filter.ts";
import { isObject, type JsonObject, toJsonObject } from "./json.ts";
import { type Method, type MethodResult, method, VOID } from "./method.ts";
import { expectString, expectStringMap } from "./rpc-value.ts";

/** The method every class has under that name, if this class has it. */
export function classMethod(database: Database, className: string, name: string): Method | undefined {
  if (!database.hasClass(className)) return undefined;
  switch (name) {
    case "get_all":
      return method(0, false, () => () => refsOf(allRecords(database, className)));
    case "get_all_records":
      return method(0, false, () => () => recordsOf(allRecords(database, className)));
    case "get_all_where":
      return filtered(database, className, refsOf);
    case "get_all_records_where":
      return filtered(database, className, recordsOf);
    case "get_record":
      return onRecord((ref) => singleRecord(database.record(className, ref)));
    case "get_by_uuid":
      return byUuid(database, className);
    case "get_by_name_label":
      return byNameLabel(database, className);
    case "add_to_other_config":
    case "remove_from_other_config":
    case "set_other_config":
      return hasOtherConfig(database, className) ? createWriter(database, className, name) : undefined;
    default:
      return fieldGetter(database, className, name);
  }
}

type Records = [ref: string, record: JsonObject][];

function allRecords(database: Database, className: string): Records {
  return [...database.records(className)];
}

function refsOf(records: Records): MethodResult {
  return { result: records.map(([ref]) => ref), records: records.length };
}

function recordsOf(records: Records): MethodResult {
  return { result: Object.fromEntries(records), records: records.length };
}

function singleRecord(result: JsonObject): MethodResult {
  return { result, records: 1 };
}

function onRecord(action: (ref: string) => MethodResult): Method {
  return method(1, false, ([self]) => {
    const ref = expectString(self);
    return () => action(ref);
  });
}

function filtered(database: Database, className: string, present: (records: Records) => MethodResult): Method {
  return method(1, false, ([expression]) => {
    const text = expectString(expression);
    return () => {
      const filter = parseFilter(text);
      const all = allRecords(database, className);
      const outcome = present(all.filter(([, record]) => matches(filter, record)));
      return { ...outcome, rows: all.length };
    };
  });
}

function byUuid(database: Database, className: string): Method {
  return method(1, false, ([wanted]) => {
    const uuid = expectString(wanted);
    return () => {
      const found = allRecords(database, className).find(([, record]) => record["uuid"] === uuid);
      if (found === undefined) throw new ApiError("UUID_INVALID", className, uuid);
      return { result: found[0], records: 1 };
    };
  });
}

function byNameLabel(database: Database, className: string): Method | undefined {
  // A pool has a name_label and yet no such getter (datamodel).
  if (className === "pool" || !database.hasField(className, "name_label")) return undefined;
  return method(1, false, ([wanted]) => {
    const label = expectString(wanted);
    return () => refsOf(allRecords(database, className).filter(([, record]) => record["name_label"] === label));
  });
}

function fieldGetter(database: Database, className: string, name: string): Method | undefined {
  const field = /^get_(.+)$/.exec(name)?.[1];
  if (field === undefined || !database.hasField(className, field)) return undefined;
  return onRecord((ref) => {
    const value = database.record(className, ref)[field];
    return { result: value ?? "", records: 1 };
  });
}

function hasOtherConfig(database: Database, className: string): boolean {
  return database.hasField(className, "other_config");
}

function createWriter(
  database: Database,
  className: string,
  name: "add_to_other_config" | "remove_from_other_config" | "set_other_config",
): Method {
  const read = (ref: string) => otherConfig(database, className, ref);
  const store = (ref: string, config: JsonObject) => {
    database.set(className, ref, "other_config", config);
    return VOID;
  };
  switch (name) {
    case "add_to_other_config":
      return method(3, true, ([self, first, second]) => {
        const [ref, key, value] = [expectString(self), expectString(first), expectString(second)];
        return () => {
          const config = read(ref);
          refuseEmptyKey(key);
          // Even when the value is the same (recorded 048).
          if (Object.hasOwn(config, key)) {
            throw new ApiError("MAP_DUPLICATE_KEY", className, "other_config", ref, key);
          }
          return store(ref, { ...config, [key]: stored(value) });
        };
      });
    case "remove_from_other_config":
      return method(2, true, ([self, first]) => {
        const [ref, key] = [expectString(self), expectString(first)];
        return () => {
          // A key that is not there is no error (recorded 053).
          const { [key]: _removed, ...rest } = read(ref);
          return store(ref, rest);
        };
      });
    case "set_other_config":
      return method(2, true, ([self, first]) => {
        const [ref, config] = [expectString(self), expectStringMap(first)];
        return () => {
          read(ref);
          for (const key of config.keys()) refuseEmptyKey(key);
          return store(ref, Object.fromEntries([...config].map(([key, value]) => [key, stored(value)])));
        };
      });
  }
}

function otherConfig(database: Database, className: string, ref: string): JsonObject {
  const config = database.record(className, ref)["other_config"];
  return isObject(config) ? toJsonObject(config) : {};
}

/** What the tables keep of a text: it ends before the first character that XML cannot carry (recordings-design). */
function stored(text: string): string {
  return text.replace(/[^\t\n\r\u0020-\uFFFD].*$/s, "");
}

/** Recorded 062 for adding; taken to hold for setting as well. */
function refuseEmptyKey(key: string): void {
  if (key === "") throw new ApiError("INTERNAL_ERROR", "Db_exn.Empty_key_in_map");
}
