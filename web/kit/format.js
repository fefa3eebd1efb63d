// Numbers as Python writes them, so that a page and a notebook never differ in a digit.

export const MINUS = "\u2212";

/** Python's f"{x:.{digits}f}". Ties go to the even digit, where JavaScript's own go up. */
export function fixed(x, digits = 0) {
  const size = Math.abs(x);
  if (size >= 1e21 && Number.isFinite(size)) { // JavaScript's own would write an exponent
    return sign(x) + BigInt(size).toString() + (digits ? `.${"0".repeat(digits)}` : "");
  }
  const [whole, rest] = size.toFixed(100).split("."); // all digits of a tie are among these
  if (isTie((rest ?? "").slice(digits), digits ? rest?.[digits - 1] : whole.at(-1))) {
    return sign(x) + whole + (digits ? `.${rest.slice(0, digits)}` : "");
  }
  return sign(x) + size.toFixed(digits);
}

/** Whether digits are cut off that are exactly half of the last one kept, and that one is even. */
const isTie = (cut, last) => /^50*$/.test(cut) && Number(last) % 2 === 0;

const sign = (x) => (x < 0 || Object.is(x, -0) ? "-" : "");

/** Python's f"{x:,.{digits}f}": thousands apart by commas. */
export function comma(x, digits = 0) {
  const [whole, ...rest] = fixed(x, digits).split(".");
  return [whole.replace(/\B(?=(\d{3})+(?!\d))/g, ","), ...rest].join(".");
}

/** Python's f"{x:.{digits}g}". */
export function general(x, digits = 6) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x < 0 ? "-inf" : "inf";
  if (x === 0) return sign(x) + "0";
  const [mantissa, power] = rounded(Math.abs(x), digits).split("e");
  const exponent = Number(power);
  const short = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (exponent >= -4 && exponent < digits) {
    return sign(x) + short(fixed(Math.abs(x), digits - 1 - exponent));
  }
  const tens = `${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  return `${sign(x)}${short(mantissa)}e${tens}`;
}

/** toExponential, with ties to the even digit. */
function rounded(size, digits) {
  const [all, power] = size.toExponential(100).split("e"), plain = all.replace(".", "");
  if (isTie(plain.slice(digits), plain[digits - 1])) {
    return `${plain[0]}${digits > 1 ? "." : ""}${plain.slice(1, digits)}e${power}`;
  }
  return size.toExponential(digits - 1);
}

/** The shortest text that reads as the same number: Python's repr, but 2 and not 2.0. */
export function shortest(x) {
  const [digits, power] = String(x).split("e");
  if (power === undefined) {
    // Python writes an exponent from 1e16 on, JavaScript from 1e21 on; below, from 1e-5 and 1e-7 on.
    const size = Math.abs(x);
    if (size < 1e16 && (size >= 1e-4 || size === 0)) return Object.is(x, -0) ? "-0" : digits;
    return exponential(x);
  }
  return exponential(x);
}

function exponential(x) {
  const [digits, power] = x.toExponential().split("e");
  return `${digits}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

/** A number as a reader wants it: with a true minus. */
export const nice = (text) => String(text).replaceAll("-", MINUS);

/** A count in millions, thousands or ones, three digits: 569 M, 76.5 M, 4.2 k, 27. */
export function short(x) {
  for (const [unit, letter] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]]) {
    if (Math.abs(x) >= unit) return general(x / unit, 3) + letter;
  }
  return general(x, 3);
}
