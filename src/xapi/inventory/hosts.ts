import * as v from "valibot";
import type { Host, HostVmCount } from "../../core/inventory.ts";
import { NULL_REF, RefsSchema, StringMapSchema, UuidSchema } from "./schemas.ts";

/** What is needed of the hosts, by reference. */
export const HostRecordsSchema = v.record(
  v.string(),
  v.object({
    uuid: UuidSchema,
    name_label: v.string(),
    enabled: v.optional(v.boolean(), true),
    other_config: v.optional(StringMapSchema, {}),
    resident_VMs: v.optional(RefsSchema, []),
    control_domain: v.optional(v.string(), NULL_REF),
  }),
);

type HostRecord = v.InferOutput<typeof HostRecordsSchema>[string];

/** A host of the pool, and what runs on it. */
export interface PoolHost {
  readonly ref: string;
  readonly uuid: string;
  readonly name: string;
  /** False in maintenance mode, and until it has booted to the end. */
  readonly enabled: boolean;
  /** The VMs that run on it, by reference, without its control domain. */
  readonly vms: ReadonlySet<string>;
}

/** Reads them from the records, in their order. */
export function parsePoolHosts(records: v.InferOutput<typeof HostRecordsSchema>): readonly PoolHost[] {
  return Object.entries(records).map(([ref, record]) => ({
    ref,
    uuid: record.uuid,
    name: record.name_label,
    enabled: record.enabled,
    vms: new Set(listResidentVms(record)),
  }));
}

/** The reference of the host with that UUID; `OpaqueRef:NULL` where there is none. */
export function findHostRef(records: Readonly<Record<string, HostRecord>>, uuid: string): string {
  return Object.entries(records).find(([, record]) => record.uuid === uuid)?.[0] ?? NULL_REF;
}

/** Each host knows which VMs run on it: these are counted without a look at them. */
export function countUnreadVms(
  records: Readonly<Record<string, HostRecord>>,
  hosts: ReadonlyMap<string, Host>,
  isRead: (vm: string) => boolean,
): readonly HostVmCount[] {
  return [...hosts].flatMap(([ref, host]): HostVmCount[] => {
    const record = records[ref];
    const count = record === undefined ? 0 : listResidentVms(record).filter((vm) => !isRead(vm)).length;
    return count === 0 ? [] : [{ host, count }];
  });
}

function listResidentVms({ resident_VMs, control_domain }: HostRecord): readonly string[] {
  return resident_VMs.filter((ref) => ref !== control_domain);
}
