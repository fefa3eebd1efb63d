// Formulas at build time: JSON lines of {tex, display} in, JSON lines of {html} or {error} out, in the
// same order. Each is KaTeX's HTML and MathML in an element that says in words what it is.
import katex from "katex";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const sre = createRequire(import.meta.url)("speech-rule-engine"); // made for CommonJS
await sre.setupEngine({ locale: "en", domain: "clearspeak", modality: "speech" });
await sre.engineReady();

const safe = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");

for await (const line of createInterface({ input: process.stdin })) {
  const { tex, display } = JSON.parse(line);
  let html;
  try {
    html = katex.renderToString(tex, { displayMode: display, output: "htmlAndMathml", throwOnError: true, strict: "error" });
  } catch ({ message }) {
    process.stdout.write(`${JSON.stringify({ error: message })}\n`);
    continue;
  }
  const mathml = html.match(/<math.*<\/math>/s)[0].replace(/<annotation.*?<\/annotation>/s, "");
  const said = safe(sre.toSpeech(mathml));
  const tag = display ? "div" : "span";
  process.stdout.write(`${JSON.stringify({ html: `<${tag} class="formula" role="math" aria-label="${said}">${html}</${tag}>` })}\n`);
}
