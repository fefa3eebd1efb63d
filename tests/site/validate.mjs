// Validate the pages whose paths come on stdin; print what is wrong, as JSON.
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

const [library, given] = process.argv.slice(2);
const { HtmlValidate } = await import(pathToFileURL(library));
const validator = new HtmlValidate(JSON.parse(given));
const found = [];
for (const path of (await text(process.stdin)).split("\n").filter(Boolean)) {
  const { results } = await validator.validateString(await readFile(path, "utf8"), path);
  for (const { messages } of results) {
    found.push(...messages.map(({ ruleId, line, message, selector }) => ({ path, ruleId, line, message, selector })));
  }
}
console.log(JSON.stringify(found));
