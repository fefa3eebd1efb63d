// Bundle each explorer, and the cards that ask, into the one file that Python and pages load: node build.mjs [folder]
import { build, transform } from "esbuild";
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "../mobilenet_lib/explorers/bundles");

const explorers = readdirSync(join(here, "explorers")).filter((name) => name.endsWith(".js"));

await build({
  absWorkingDir: here,
  entryPoints: [...explorers.map((name) => `explorers/${name}`), "cards/card.js"].map((path) => ({ in: path, out: path.split("/")[1].slice(0, -3) })),
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  plugins: [{ // each bundle brings its CSS along, as text
    name: "css as text",
    setup({ onLoad }) {
      onLoad({ filter: /\.css$/ }, async ({ path }) => {
        const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true });
        return { contents: code, loader: "text" };
      });
    },
  }],
  logLevel: "warning",
});
