// Formulas as a page without scripts shows and reads them: one line of JSON in for each, [TeX, whether
// it is displayed]; one line out, {html, speech} or {error}.

import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import katex from "katex";

const require = createRequire(import.meta.url);
const speech = require("speech-rule-engine");
const maps = join(dirname(require.resolve("speech-rule-engine")), "mathmaps");
await speech.setupEngine({ locale: "en", domain: "clearspeak", modality: "speech", json: maps });

for await (const line of createInterface({ input: process.stdin })) {
  const [tex, displayMode] = JSON.parse(line);
  try {
    const html = katex.renderToString(tex, { displayMode, output: "htmlAndMathml", strict: "error", throwOnError: true });
    const mathml = katex.renderToString(tex, { displayMode, output: "mathml" }).match(/<math[^]*<\/math>/)[0]
      .replace(/<annotation[^]*?<\/annotation>/, "");
    console.log(JSON.stringify({ html, speech: speech.toSpeech(mathml) }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.message }));
  }
}
