// One key for all spellings that some file system takes for the same name.

/** Upper case first: `ß` and `ſ` have one there. */
export function foldName(path: string): string {
  if (/^[ -~]*$/.test(path)) return path.toLowerCase();
  return path.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
}
