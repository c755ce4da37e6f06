/**
 * Identifiers that look random and are not: the same seed and label always give the same one,
 * so that a failing test names the same objects on every run.
 */
export class Identity {
  constructor(private readonly seed: number) {}

  /** A version 4 UUID. */
  uuid(label: string): string {
    const hex = this.digest(`uuid ${label}`);
    const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
    const fourth = `${variant}${hex.slice(17, 20)}`;
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      `4${hex.slice(13, 16)}`,
      fourth,
      hex.slice(20, 32),
    ].join("-");
  }

  /** A XAPI reference. Its UUID is never the UUID of the object, exactly as in real replies. */
  ref(label: string): string {
    return `OpaqueRef:${this.uuid(`ref ${label}`)}`;
  }

  /** A locally administered unicast address. */
  mac(label: string): string {
    const hex = this.digest(`mac ${label}`);
    const octets = [0, 2, 4, 6, 8].map((at) => hex.slice(at, at + 2));
    return ["02", ...octets].join(":");
  }

  private digest(text: string): string {
    return new Bun.CryptoHasher("sha256").update(`${this.seed} ${text}`).digest("hex");
  }
}
