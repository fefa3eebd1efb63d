// Check the texts that come on stdin, by page, with Harper; print what it finds, as JSON, and which
// of the given words its dictionary has already.
import { json } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

// Inlined, since the other form does not find its file in a folder whose name has a space.
const [library] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${library}/dist/${name}.js`));
const [{ LocalLinter, Dialect }, { slimBinaryInlined }] = await Promise.all([load("index"), load("slimBinaryInlined")]);

const { words, texts } = await json(process.stdin);
const linter = new LocalLinter({ binary: slimBinaryInlined, dialect: Dialect.British });
// Where two rules find the same, both are asked for: one of them may be off.
const check = async (text) => Object.entries(await linter.organizedLints(text, { language: "markdown", dedup: false }));
const misspelt = async (word) => (await check(word)).some(([rule]) => rule === "SpellCheck");
const known = [];
for (const word of words) if (!(await misspelt(word))) known.push(word);
await linter.importWords(words);

const found = [];
for (const [page, text] of Object.entries(texts)) {
  for (const [rule, lints] of await check(text)) {
    for (const lint of lints) {
      const { start, end } = lint.span();
      found.push({ page, rule, start, end, message: lint.message() });
    }
  }
}
console.log(JSON.stringify({ found, known }));
