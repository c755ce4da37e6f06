import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { FEATURES } from "../../src/core/features.ts";

const PAGE = resolve(import.meta.dir, "../../docs/features.md");

test("the table of features in the documentation equals the table in the code", async () => {
  const rows = (await Bun.file(PAGE).text()).split("\n").flatMap((line) => {
    const cells = line.split("|").map((cell) => cell.trim().replaceAll("`", ""));
    const [, keyword, , kernel, pif, vif, byDefault] = cells;
    const feature = FEATURES.find((one) => one.name === keyword);
    return feature === undefined || kernel === undefined
      ? []
      : [{ keyword, kernel, pif, vif: vif?.replace(/,.*/, ""), byDefault }];
  });
  expect(rows).toEqual(
    FEATURES.map(({ name, kernelPattern, pifSetting, vifSetting, byDefault }) => ({
      ...{ keyword: name, kernel: kernelPattern },
      pif: pifSetting ? "yes" : "no",
      vif: vifSetting ? "yes" : "no",
      byDefault: byDefault ? "yes" : "when named",
    })),
  );
});
