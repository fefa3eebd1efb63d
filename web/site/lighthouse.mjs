// Measure the site as Lighthouse sees it: node web/site/lighthouse.mjs [folder]. The pages are served
// on this machine, compressed as hosts do it. CHROME_PATH names the browser.

import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize, resolve } from "node:path";
import { createGzip } from "node:zlib";
import * as launcher from "chrome-launcher";
import lighthouse from "lighthouse";

const PAGES = ["", "chapters/01_standard_convolution.html", "chapters/02_depthwise_separable_convolution.html", "chapters/06_width_and_resolution.html"];
const WANTED = { performance: 95, accessibility: 100, "best-practices": 95, seo: 95 };
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png", ".woff2": "font/woff2", ".xml": "application/xml", ".txt": "text/plain" };
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

const folder = resolve(process.argv[2] ?? "build/site");
if (!existsSync(join(folder, "index.html"))) {
  console.error(`${folder} has no index.html: run make site first, or name the site's folder`);
  process.exit(2);
}

const server = createServer((request, response) => {
  const path = normalize(new URL(request.url, "http://localhost").pathname);
  let file = join(folder, path);
  if (existsSync(file) && statSync(file).isDirectory()) file = join(file, "index.html");
  if (!existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  const type = TYPES[extname(file)] ?? "application/octet-stream";
  const packs = /text|javascript|xml|svg/.test(type);
  response.writeHead(200, {
    "content-type": /text|javascript/.test(type) ? `${type}; charset=utf-8` : type,
    "cache-control": "max-age=600",
    ...(packs && { "content-encoding": "gzip" }),
  });
  const stream = createReadStream(file);
  (packs ? stream.pipe(createGzip()) : stream).pipe(response);
});
await new Promise((ready) => { server.listen(0, "127.0.0.1", ready); });

const browser = await launcher.launch({ chromeFlags: FLAGS });
let low = false;
console.log(`${"page".padEnd(44)} ${Object.keys(WANTED).join("  ")}`);
try {
  for (const page of PAGES) {
    const address = `http://127.0.0.1:${server.address().port}/${page}`;
    const { lhr } = await lighthouse(address, { port: browser.port, onlyCategories: Object.keys(WANTED), logLevel: "error" });
    const scores = Object.entries(WANTED).map(([name, least]) => {
      const score = Math.round(100 * lhr.categories[name].score);
      low ||= score < least;
      return String(score).padStart(name.length);
    });
    console.log(`${(page || "front page").padEnd(44)} ${scores.join("  ")}`);
    for (const name of Object.keys(WANTED)) {
      for (const { id, weight } of lhr.categories[name].auditRefs) {
        const { score, title, displayValue } = lhr.audits[id];
        if (weight && score !== null && score < 0.9) console.log(`    ${name}: ${title} ${displayValue ?? ""}`);
      }
    }
  }
} finally {
  await browser.kill();
  server.close();
}
process.exitCode = low ? 1 : 0;
