// Where on the image a pixel of a layer's output looks, held against Python by a test.

/** The first input pixel, and the one behind the last, that output pixel `place` sees along a side. */
export function seen({ size, stride, padding }, place) {
  const start = place * stride - padding;
  return [start, start + size];
}

/** The output pixel, of `outSize` along a side, whose square is centred nearest to input pixel `at`. */
export function placeAt({ size, stride, padding }, outSize, at) {
  const place = Math.round((at + padding - size / 2) / stride);
  return Math.min(Math.max(place, 0), outSize - 1);
}

/** What share of an image of `side` pixels a square sees that begins at these two places. */
export function share(field, side, row, column) {
  const within = (place) => {
    const [from, to] = seen(field, place);
    return Math.max(0, Math.min(to, side) - Math.max(from, 0)) / side;
  };
  return within(row) * within(column);
}
