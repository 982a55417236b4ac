// What a test needs beyond npm: programs, JARs, rights. Missing, the test is skipped with the reason and the command that
// installs it; where CI=true it fails instead, so that a machine that lacks a tool cannot pass for one that has tested.
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

interface Need {
  readonly isThere: () => boolean;
  readonly what: string;
  readonly install: string;
}

const NEEDS = {
  java: program('java', 'a Java runtime', 'apt-get install openjdk-17-jre-headless'),
  javac: program('javac', 'a Java compiler', 'apt-get install openjdk-17-jdk-headless'),
  equinox: {
    isThere: () =>
      ['eclipse-osgi.jar', 'equinox-simpleconfigurator.jar'].every((jar) => existsSync(`/usr/share/java/${jar}`)),
    what: 'Equinox (eclipse-osgi.jar, equinox-simpleconfigurator.jar in /usr/share/java)',
    install: 'apt-get install libeclipse-osgi-java libequinox-simpleconfigurator-java',
  },
  gcc: program('gcc', 'a C compiler', 'apt-get install gcc libc6-dev'),
  make: program('make', 'make', 'apt-get install make'),
  python3: program('python3', 'Python 3.10 or newer', 'apt-get install python3'),
  busybox: program('busybox', 'BusyBox', 'apt-get install busybox'),
  chromium: program('chromium', 'Chromium', 'apt-get install chromium'),
  xdelta3: program('xdelta3', 'xdelta3', 'apt-get install xdelta3'),
  xfs: program('mkfs.xfs', 'mkfs.xfs', 'apt-get install xfsprogs'),
  exfat: {
    isThere: () => program('mount.exfat-fuse', '', '').isThere() && program('mkfs.exfat', '', '').isThere(),
    what: 'exFAT (mount.exfat-fuse, mkfs.exfat)',
    install: 'apt-get install exfat-fuse exfatprogs',
  },
  fuse: {
    isThere: () => existsSync('/dev/fuse'),
    what: '/dev/fuse (file systems in user space)',
    install: 'modprobe fuse, or run the container with --device /dev/fuse',
  },
  root: {
    isThere: () => process.getuid?.() === 0,
    what: 'root rights (it mounts a file system)',
    install: 'run the tests as root',
  },
  'lab-jars': {
    isThere: () => isFilled(join(homedir(), '.cache', 'prepatch-lab', 'jars')),
    what: 'the JARs of the lab (~/.cache/prepatch-lab/jars)',
    install: '../shared/lab/fetch-jars --small',
  },
} satisfies Record<string, Need>;

export type Tool = keyof typeof NEEDS;

/**
 * Why a test cannot run here; undefined where it can: `test.skipIf(need('java') !== undefined)('…', …)`.
 * Says the reason on stderr, with the command that brings what is missing.
 * @throws Error with the same text where CI=true.
 */
export function need(...tools: readonly Tool[]): string | undefined {
  const missing = tools.map((tool): Need => NEEDS[tool]).filter((one) => !one.isThere());
  if (missing.length === 0) return undefined;
  const reason = missing.map((one) => `${one.what} is missing: ${one.install}`).join('; ');
  if (process.env.CI === 'true') throw new Error(`${reason} (where CI=true, a test is not skipped)`);
  process.stderr.write(`skipped: ${reason}\n`);
  return reason;
}

function program(name: string, what: string, install: string): Need {
  const folders = `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter);
  return { isThere: () => folders.some((folder) => folder !== '' && isExecutable(join(folder, name))), what, install };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isFilled(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).length > 0;
}
