import type { Software } from "./diagnosis.ts";

/** What the host says of its software without XAPI; null where something is not there. */
export interface OwnSoftware {
  /** Brand and version of /etc/xensource-inventory; empty where it does not tell. */
  readonly product: string;
  readonly distribution: string | null;
  readonly kernel: string;
  readonly xen: string | null;
  readonly backend: string | null;
  readonly ethtool: string | null;
  readonly offload: string;
}

/**
 * The versions of what matters here: from XAPI's `host.software_version` where it tells, else from
 * the host itself.
 */
export function softwareOf(
  told: ReadonlyMap<string, string>,
  own: OwnSoftware,
): readonly Software[] {
  const part = (name: string, keys: readonly string[], version: string | null, from: string) => {
    const [known] = keys.map((key) => told.get(key)).filter((value) => value);
    return known === undefined
      ? { part: name, version, from }
      : { part: name, version: known, from: "XAPI" };
  };
  return [
    product(told, own),
    part("xapi", ["xapi_build", "xapi"], null, "XAPI"),
    part("xen", ["xen"], own.xen, "/sys/hypervisor"),
    { part: "kernel", version: own.kernel, from: "uname" },
    part("network backend", ["network_backend"], own.backend, "/etc/xensource/network.conf"),
    { part: "ethtool", version: own.ethtool, from: "ethtool --version" },
    { part: "offload", version: own.offload, from: "itself" },
  ];
}

function product(told: ReadonlyMap<string, string>, own: OwnSoftware): Software {
  const [brand, version, build] = ["product_brand", "product_version", "build_number"].map((key) =>
    told.get(key),
  );
  if (brand && version) {
    const words = `${brand} ${version}${build ? `, build ${build}` : ""}`;
    return { part: "product", version: words, from: "XAPI" };
  }
  return own.product === ""
    ? { part: "product", version: own.distribution, from: "/etc/os-release" }
    : { part: "product", version: own.product, from: "/etc/xensource-inventory" };
}
