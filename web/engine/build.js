/**
 * Build what is committed beside its source: `kernels.js` of `kernels.ts`, and `inside.js`, the
 * worker with everything that it imports as one function.
 *
 *     npm ci && npm run build            # or with a folder, to build there and compare
 */

import { mkdir, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import asc from "assemblyscript/asc";
import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const [folder = here] = parseArgs({ allowPositionals: true }).positionals;

async function write(name, text) {
  await mkdir(folder, { recursive: true });
  const target = path.join(folder, name);
  await writeFile(`${target}.part`, text);
  await rename(`${target}.part`, target);
}

async function buildKernels() {
  const written = new Map();
  const options = ["--enable", "simd", "--runtime", "stub", "--noAssert", "-O3"];
  const { error, stderr } = await asc.main(
    ["kernels.ts", "--baseDir", here, ...options, "--outFile", "kernels.wasm"],
    { writeFile: (name, content) => void written.set(name, content) },
  );
  if (error || `${stderr}`) throw new Error(`kernels.ts: ${error?.message ?? "warnings"}\n${stderr}`);
  const text = Buffer.from(written.get("kernels.wasm")).toString("base64");
  const module = `// Built of kernels.ts by build.js.\nexport const KERNELS =\n  "${text}";\n`;
  await write("kernels.js", module);
  return module;
}

async function buildWorker() {
  const { outputFiles } = await build({
    entryPoints: [path.join(here, "worker.js")],
    bundle: true,
    minify: true,
    format: "iife",
    globalName: "inside",
    target: "es2022",
    write: false,
    plugins: [
      {
        name: "kernels as just built",
        setup({ onLoad }) {
          onLoad({ filter: /kernels\.js$/ }, () => ({ contents: kernels }));
        },
      },
    ],
  });
  const code = outputFiles[0].text.trim();
  await write("inside.js", `// Built of worker.js by build.js: one function that needs nothing around it, so that a worker\n// can be made of its text, and a page can call it.\nexport function engine() {\n${code}\nreturn inside;\n}\n`);
}

const kernels = await buildKernels();
await buildWorker();
