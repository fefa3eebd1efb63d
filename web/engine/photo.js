/** From a picture file to pixels, as `preprocess` and `Runner.predict` take them. Needs a page or a worker. */

/** The file cannot be shown as a picture; the message says why. */
export class PhotoError extends Error {
  name = "PhotoError";
}

const MOST_PIXELS = 50 * 2 ** 20; // what `mobilenet_lib.photos` reads, too

/**
 * A picture's pixels, upright, what is transparent over white.
 * @param {Blob|ImageBitmap|HTMLVideoElement|HTMLCanvasElement|HTMLImageElement} source
 * @returns {Promise<ImageData>} data (height, width, 4), width, height
 * @throws {PhotoError}
 */
export async function readPhoto(source) {
  let picture = source;
  if (source instanceof Blob) {
    if (!source.size) throw new PhotoError("the file is empty");
    try {
      // A colour profile is left aside, as PIL does it: the network was trained on numbers as stored.
      picture = await createImageBitmap(source, { colorSpaceConversion: "none" });
    } catch (error) {
      throw new PhotoError(`the file cannot be read as a picture (${error.message})`);
    }
  }
  const width = picture.videoWidth ?? picture.naturalWidth ?? picture.width;
  const height = picture.videoHeight ?? picture.naturalHeight ?? picture.height;
  if (!(width && height)) throw new PhotoError("the picture has no pixels yet");
  if (width * height > MOST_PIXELS)
    throw new PhotoError(`the picture has ${width} x ${height} pixels; at most ${MOST_PIXELS} are read`);
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (!pen) throw new PhotoError(`a picture of ${width} x ${height} pixels is too large for this browser`);
  pen.fillStyle = "white";
  pen.fillRect(0, 0, width, height);
  pen.drawImage(picture, 0, 0);
  return pen.getImageData(0, 0, width, height);
}
