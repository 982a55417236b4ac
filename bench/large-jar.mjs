// A JAR of any size that takes no room: a bundle's manifest, and one stored entry of zeros that is a hole in the file.

import { closeSync, openSync, writeSync } from 'node:fs';

const MANIFEST = 'Manifest-Version: 1.0\r\nBundle-SymbolicName: org.example.large\r\nBundle-Version: 1.0.0\r\n\r\n';
/** 2020-01-01. */
const DATE = ((2020 - 1980) << 9) | (1 << 5) | 1;

export function writeLargeJar(path, sizeBytes) {
  const manifest = Buffer.from(MANIFEST);
  const entries = [
    { name: 'META-INF/MANIFEST.MF', size: manifest.length, crc: crcOf(manifest), data: manifest },
    { name: 'zeros.bin', size: sizeBytes, crc: crcOfZeros(sizeBytes), data: undefined },
  ];
  const descriptor = openSync(path, 'wx');
  try {
    let at = 0;
    const central = [];
    for (const { name, size, crc, data } of entries) {
      central.push(record(Buffer.alloc(46), 0x02014b50, name, size, crc, at));
      const local = record(Buffer.alloc(30), 0x04034b50, name, size, crc);
      writeSync(descriptor, local, 0, local.length, at);
      at += local.length;
      if (data !== undefined) writeSync(descriptor, data, 0, data.length, at);
      at += size;
    }
    const directory = Buffer.concat(central);
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50, 0);
    end.writeUInt16LE(entries.length, 8);
    end.writeUInt16LE(entries.length, 10);
    end.writeUInt32LE(directory.length, 12);
    end.writeUInt32LE(at, 16);
    writeSync(descriptor, Buffer.concat([directory, end]), 0, directory.length + end.length, at);
  } finally {
    closeSync(descriptor);
  }
}

/** A local or a central record: they differ in two fields before the version that is needed, and in what comes after the name's length. */
function record(header, signature, name, size, crc, offset) {
  const bytes = Buffer.from(name);
  header.writeUInt32LE(signature, 0);
  const at = offset === undefined ? 4 : 6;
  if (offset !== undefined) {
    header.writeUInt16LE(20, 4);
    header.writeUInt32LE(offset, 42);
  }
  header.writeUInt16LE(20, at);
  header.writeUInt16LE(DATE, at + 8);
  header.writeUInt32LE(crc, at + 10);
  header.writeUInt32LE(size, at + 14);
  header.writeUInt32LE(size, at + 18);
  header.writeUInt16LE(bytes.length, at + 22);
  return Buffer.concat([header, bytes]);
}

function crcOf(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = step(crc ^ byte);
  return ~crc >>> 0;
}

/** Zeros change the register linearly: a matrix over bits, squared for each doubling of their number. */
function crcOfZeros(count) {
  let matrix = Array.from({ length: 32 }, (_, bit) => step((1 << bit) >>> 0));
  let crc = 0xffffffff;
  for (let left = count; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) crc = times(matrix, crc);
    const square = matrix;
    matrix = square.map((column) => times(square, column));
  }
  return ~crc >>> 0;
}

function times(matrix, vector) {
  let sum = 0;
  for (let bit = 0; bit < 32; bit++) if ((vector >>> bit) & 1) sum ^= matrix[bit];
  return sum >>> 0;
}

function step(crc) {
  let register = crc;
  for (let bit = 0; bit < 8; bit++) register = register & 1 ? (register >>> 1) ^ 0xedb88320 : register >>> 1;
  return register >>> 0;
}
