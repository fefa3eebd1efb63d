// Equations 2, 4 and 5 on plain numbers, held against mobilenet_lib.cost by a test. `size` is the
// side of the output map: work is done once for each of its pixels.

/** Eq. 2: D_K² · M · N · D_F²; in groups, a filter reads M / groups channels only. */
export const standardMultAdds = (k, m, n, size, groups = 1) => k * k * (m / groups) * n * size * size;

/** Eq. 4: D_K² · M · D_F², for each of the maps that a channel becomes. */
export const depthwiseMultAdds = (k, m, size, multiplier = 1) => k * k * m * multiplier * size * size;

/** The second term of Eq. 5: M · N · D_F². */
export const pointwiseMultAdds = (m, n, size) => standardMultAdds(1, m, n, size);

/** Eq. 5: depthwise, then pointwise. */
export const separableMultAdds = (k, m, n, size, multiplier = 1) =>
  depthwiseMultAdds(k, m, size, multiplier) + pointwiseMultAdds(m * multiplier, n, size);

/** Eq. 5 divided by Eq. 2: 1/N + 1/D_K². */
export const reduction = (k, n) => 1 / n + 1 / (k * k);

export const standardWeights = (k, m, n, groups = 1) => k * k * (m / groups) * n;
export const depthwiseWeights = (k, m, multiplier = 1) => k * k * m * multiplier;
export const separableWeights = (k, m, n, multiplier = 1) =>
  depthwiseWeights(k, m, multiplier) + standardWeights(1, m * multiplier, n);

/** The numbers of groups that divide both M and N, in order. */
export function possibleGroups(m, n) {
  let common = m, rest = n;
  while (rest) [common, rest] = [rest, common % rest];
  return Array.from({ length: common }, (_, i) => i + 1).filter((g) => common % g === 0);
}
