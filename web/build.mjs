// Bundle each explorer into the one file that Python and pages load: node build.mjs [folder]
import { build, transform } from "esbuild";
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "../mobilenet_lib/explorers/bundles");

// The engine stands in a bundle once, as a function of the worker's `self`: a worker is made of its
// text, and where there is none, the page calls it itself.
const { outputFiles: [{ text: worker }] } = await build({
  entryPoints: [join(here, "engine/worker.js")],
  bundle: true, minify: true, format: "iife", target: "es2022", charset: "utf8", write: false,
});
const ENGINE = {
  "worker_source.js": `
    export function engine(self) { ${worker} }
    export const WORKER_SOURCE = \`"use strict";(\${engine})(self)\`;`,
  "service.js": `
    import { engine } from "./worker_source.js";
    export function makeService() {
      let told;
      const self = { postMessage(answer) { told = answer; } };
      engine(self);
      return (data) => { self.onmessage({ data }); return told; };
    }`,
};

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
  plugins: [{ // each bundle brings its CSS along, as text
    name: "css as text",
    setup({ onLoad }) {
      onLoad({ filter: /\.css$/ }, async ({ path }) => {
        const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true });
        return { contents: code, loader: "text" };
      });
    },
  }, {
    name: "definitions without their help", // which Python alone shows
    setup({ onLoad }) {
      onLoad({ filter: /definitions[\\/]\w+\.json$/ }, async ({ path }) => {
        const content = JSON.parse(await readFile(path, "utf8"));
        for (const field of Object.values(content.fields)) delete field.help;
        return { contents: JSON.stringify(content), loader: "json" };
      });
    },
  }, {
    name: "the engine once",
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]engine[\\/](worker_source|service)\.js$/ }, ({ path }) => ({ contents: ENGINE[basename(path)] }));
    },
  }],
  logLevel: "warning",
});
