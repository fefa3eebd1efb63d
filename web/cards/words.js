// What is said of predictions, as mobilenet_lib/checks/prompts.py says it; tests hold the two together.

import { comma } from "../kit/format.js";

/** A number as people type it, or null. */
export function numberOf(text) {
  let plain = text.trim().replace(/[\s_’']/g, "").replace(/^[~≈]+/, "").replace(/[%x×]+$/, "");
  if (/^[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$/.test(plain)) plain = plain.replaceAll(",", "");
  plain = plain.replace(",", ".");
  if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,3})?$/i.test(plain)) return null;
  const number = Number(plain);
  return Number.isFinite(number) ? number : null;
}

/** How near an expected number is: by the factor, of ten per cent and more by the points. */
export function verdict(said, value, unit) {
  if (unit.startsWith("%") && value >= 10) {
    const off = Math.abs(said - value), way = said > value ? "high" : "low";
    if (off <= 5) return off <= 1 ? "right on" : "close";
    return `${comma(off, 0)} points too ${way}`;
  }
  if (said * value <= 0) return said === value ? "right on" : "far off";
  const high = Math.abs(said) > Math.abs(value), factor = high ? said / value : value / said;
  if (factor <= 1.25) return factor <= 1.05 ? "right on" : "close";
  return `${comma(factor, factor >= 9.5 ? 0 : 1)} times too ${high ? "high" : "low"}`;
}

/** What a reader typed, as it stands in a sentence. */
export function spoken(said, { unit, choices }) {
  if (choices.length) return said;
  const number = numberOf(said);
  const text = number === null ? said : number.toLocaleString("en", { maximumSignificantDigits: 6 });
  return unit ? `${text} ${unit}` : text;
}

/** “You expected 4 times; it is 8.98 times: 2.2 times too low.”, in its parts. */
export function comparison(prediction, said, outcome) {
  const expected = spoken(said, prediction);
  if (outcome === undefined) return { expected, found: "", verdict: "" };
  const [value, found] = outcome;
  if (prediction.choices.length) return { expected, found, verdict: said === found ? "right" : "another" };
  const number = numberOf(said);
  return { expected, found, verdict: number === null ? "" : verdict(number, value, prediction.unit) };
}
