import { expect, test } from "bun:test";
import { EthtoolSocket } from "../../src/kernel/ethtool-socket.ts";

test("a name with a NUL in it, or too long for the kernel, is no device: cut there, it would be another's", () => {
  using socket = new EthtoolSocket();
  expect(socket.readIfindex("lo")).toBe(1);
  for (const name of ["lo\0", "lo\0x", "\0lo", "", `lo${"\0".repeat(14)}`, "l".repeat(16)]) {
    expect(socket.readIfindex(name)).toBeNull();
    expect(socket.createCommand(8).send(name)).not.toBe(0);
  }
});
