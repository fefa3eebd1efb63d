// What a pruned matrix takes to keep, and between which shares of zeros skipping them starts to pay.

import { halfEven } from "./quantize.js";

export const BLOCK = 4;

/** Weights left of a matrix of `rows` by `columns`, with a share of zeros in one of three patterns. */
export function kept(pattern, zeros, rows, columns) {
  const size = { weights: 1, blocks: BLOCK ** 2, channels: columns }[pattern], parts = rows * columns / size;
  return (parts - halfEven(zeros * parts)) * size;
}

/** Bytes of the values left, and of 32-bit places: CSR, blocks in CSR, a list of channels. */
export function bytesOf(pattern, left, rows, columns) {
  const places = {
    weights: left + rows + 1,
    blocks: left / BLOCK ** 2 + rows / BLOCK + 1,
    channels: left / columns,
  }[pattern];
  return [4 * left, 4 * places];
}

/** A time between two measured ones: straight in the logarithms of the time and of what is left. */
export function between(shares, times, zeros) {
  const next = shares.findIndex((share) => share >= zeros);
  if (next < 0) return null; // beyond what was measured
  if (shares[next] === zeros) return times[next];
  if (next === 0) return null;
  const [left, right] = [Math.log(1 - shares[next - 1]), Math.log(1 - shares[next])];
  const way = (Math.log(1 - zeros) - left) / (right - left);
  return Math.exp(Math.log(times[next - 1]) * (1 - way) + Math.log(times[next]) * way);
}

/** The share of zeros from which on a kernel stays faster than dense; null if it does not. */
export function crossing(shares, dense, times) {
  const ratios = times.map((time, i) => time / dense[i]);
  const last = ratios.findLastIndex((ratio) => ratio > 1);
  if (last < 0) return shares[0];
  if (last === shares.length - 1) return null;
  const [above, below] = [Math.log(ratios[last]), Math.log(ratios[last + 1])];
  const [left, right] = [Math.log(1 - shares[last]), Math.log(1 - shares[last + 1])];
  return 1 - Math.exp(left + (right - left) * above / (above - below));
}
