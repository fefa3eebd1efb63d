// Bundle each explorer into the one file that Python and pages load: node build.mjs [folder]
import { build } from "esbuild";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "../mobilenet_lib/explorers/bundles");

await build({
  absWorkingDir: here,
  entryPoints: readdirSync(join(here, "explorers")).filter((name) => name.endsWith(".js")).map((name) => `explorers/${name}`),
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  loader: { ".css": "text" },
  logLevel: "warning",
});
