import type { Software } from "../report.ts";

/** What the host says of its software without XAPI; null where something is not there. */
export interface LocalSoftware {
  /** Brand and version of /etc/xensource-inventory; empty where it does not say. */
  readonly product: string;
  readonly distribution: string | null;
  readonly kernel: string;
  readonly xen: string | null;
  readonly backend: string | null;
  readonly ethtool: string | null;
  readonly offload: string;
}

/**
 * The versions of what matters here: from XAPI's `host.software_version` where it says so, else from
 * the host itself.
 */
export function collectSoftware(xapiVersions: ReadonlyMap<string, string>, own: LocalSoftware): readonly Software[] {
  const describePart = (name: string, keys: readonly string[], version: string | null, from: string) => {
    const [xapiVersion] = keys.map((key) => xapiVersions.get(key)).filter((value) => value);
    return xapiVersion === undefined
      ? { part: name, version, from }
      : { part: name, version: xapiVersion, from: "XAPI" };
  };
  return [
    detectProduct(xapiVersions, own),
    describePart("xapi", ["xapi_build", "xapi"], null, "XAPI"),
    describePart("xen", ["xen"], own.xen, "/sys/hypervisor"),
    { part: "kernel", version: own.kernel, from: "uname" },
    describePart("network backend", ["network_backend"], own.backend, "/etc/xensource/network.conf"),
    { part: "ethtool", version: own.ethtool, from: "ethtool --version" },
    { part: "offload", version: own.offload, from: "itself" },
  ];
}

function detectProduct(xapiVersions: ReadonlyMap<string, string>, own: LocalSoftware): Software {
  const [brand, version, build] = ["product_brand", "product_version", "build_number"].map((key) =>
    xapiVersions.get(key),
  );
  if (brand && version) {
    const description = `${brand} ${version}${build ? `, build ${build}` : ""}`;
    return { part: "product", version: description, from: "XAPI" };
  }
  return own.product === ""
    ? { part: "product", version: own.distribution, from: "/etc/os-release" }
    : { part: "product", version: own.product, from: "/etc/xensource-inventory" };
}
