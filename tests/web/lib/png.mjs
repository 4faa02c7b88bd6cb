// A screenshot with a palette: text and lines have few colours, and a picture of them then has a third of the bytes.
import zlib, { deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function crc32(data) {
  if (zlib.crc32) return zlib.crc32(data); // node 20.15 and newer
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

function paeth(a, b, c) {
  const p = a + b - c;
  const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

// {width, height, pixels: one number 0xRRGGBB each} of an 8 bit RGB or RGBA picture without interlace, as browsers make them.
export function decode(png) {
  let header;
  const data = [];
  for (let at = SIGNATURE.length; at < png.length; at += 12 + png.readUInt32BE(at)) {
    const type = png.toString('latin1', at + 4, at + 8);
    const body = png.subarray(at + 8, at + 8 + png.readUInt32BE(at));
    if (type === 'IHDR') header = body;
    if (type === 'IDAT') data.push(body);
  }
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const channels = { 2: 3, 6: 4 }[header[9]];
  if (header[8] !== 8 || !channels || header[12]) throw new Error('not a picture of this kind');
  const raw = inflateSync(Buffer.concat(data));
  const stride = width * channels;
  let above = new Uint8Array(stride);
  const pixels = new Uint32Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = y * (stride + 1);
    const filter = raw[from];
    const line = new Uint8Array(raw.subarray(from + 1, from + 1 + stride));
    for (let i = 0; i < stride; i++) {
      const [a, b, c] = [i < channels ? 0 : line[i - channels], above[i], i < channels ? 0 : above[i - channels]];
      line[i] += [0, a, b, (a + b) >> 1, paeth(a, b, c)][filter];
    }
    for (let x = 0; x < width; x++) pixels[y * width + x] = (line[x * channels] << 16) | (line[x * channels + 1] << 8) | line[x * channels + 2];
    above = line;
  }
  return { width, height, pixels };
}

function distance(a, b) {
  return ((a >> 16) - (b >> 16)) ** 2 + (((a >> 8) & 255) - ((b >> 8) & 255)) ** 2 + ((a & 255) - (b & 255)) ** 2;
}

// 256 colours for these: the most frequent, then those that are least like any before, so that a few green dots stay green.
function choose(counts) {
  const colours = [...counts].sort((a, b) => b[1] - a[1]);
  const palette = colours.slice(0, 128).map(([colour]) => colour);
  const rest = colours.slice(128).map(([colour, n]) => ({ colour, weight: Math.sqrt(n), away: Math.min(...palette.map((p) => distance(colour, p))) }));
  while (palette.length < 256 && rest.length) {
    const best = rest.reduce((m, r, i) => (r.away * r.weight > rest[m].away * rest[m].weight ? i : m), 0);
    const [{ colour }] = rest.splice(best, 1);
    palette.push(colour);
    for (const r of rest) r.away = Math.min(r.away, distance(r.colour, colour));
  }
  return palette;
}

// The same picture with 256 colours; what has another one gets the nearest of them.
export function withPalette(png) {
  const { width, height, pixels } = decode(png);
  const counts = new Map();
  for (const p of pixels) counts.set(p, (counts.get(p) ?? 0) + 1);
  const palette = choose(counts);
  const index = new Map(palette.map((colour, i) => [colour, i]));
  for (const colour of counts.keys())
    if (!index.has(colour)) index.set(colour, palette.reduce((best, other, i) => (distance(colour, other) < distance(colour, palette[best]) ? i : best), 0));
  const raw = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) raw[y * (width + 1) + 1 + x] = index.get(pixels[y * width + x]);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  const colours = Buffer.from(palette.flatMap((c) => [c >> 16, (c >> 8) & 255, c & 255]));
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('PLTE', colours), chunk('IDAT', deflateSync(raw, { level: 9 })), chunk('IEND', Buffer.alloc(0))]);
}
