/**
 * The first 256 bytes of a stub: a line that a person can read, by which stubs are told from plain files.
 * It is not sealed and carries nothing but the version of the stub's layout. Damage to it must not turn a stub
 * into a plain file, so it is recognised by likeness.
 */
import { corrupt, requireVersion } from './refuse.ts'

export const STUB_LINE_BYTES = 256

const VERSION = 1

/** The line as it is written, to the byte, into every stub of this version. */
export const STUB_LINE = Buffer.from(
  `${[
    `dfs stub ${VERSION} -`,
    'This small file stands for one whose content dfs keeps encrypted elsewhere.',
    'See it as the ordinary file: dfs mount FOLDER. Copy it out: dfs get THIS-FILE -o OUT.',
    `Do not edit. (dfs stub ${VERSION})`,
  ]
    .join(' ')
    .padEnd(STUB_LINE_BYTES - 1)}\n`,
  'latin1',
)

/** The version stands at both ends, so that one damaged digit is not taken for a newer version. */
const ANY_VERSION = /^dfs stub ([1-9][0-9]{0,4}) - [ -~]*\(dfs stub \1\) *\n$/
/** A head shorter than this is not enough to know the line by. */
const KNOWN_BY_BYTES = 16
/** One byte in so many may differ from the line before it is taken for something else. */
const DAMAGED_ONE_IN = 16

/**
 * What a file whose name ends in `.f` is, from its first 256 bytes (all of them if it is shorter): a stub (of any
 * version, possibly damaged), an empty file, or a plain file.
 */
export function stubKind(head: Buffer): 'stub' | 'empty' | 'plain' {
  if (head.length === 0) return 'empty'
  const line = head.subarray(0, STUB_LINE_BYTES)
  return line.equals(STUB_LINE) || versionOf(line) !== undefined || isDamagedLine(line) ? 'stub' : 'plain'
}

/** Fails unless the stub that begins so has the layout that this dfs knows: `newer-version`, or `corrupt` if it is no stub. */
export function requireStubVersion(head: Buffer): void {
  const line = head.subarray(0, STUB_LINE_BYTES)
  if (line.equals(STUB_LINE)) return
  const version = versionOf(line)
  if (version !== undefined) requireVersion('stub', version, VERSION)
  else if (!isDamagedLine(line)) throw corrupt('stub: not a stub (first line)')
}

function versionOf(line: Buffer): number | undefined {
  if (line.length < STUB_LINE_BYTES) return undefined
  const match = ANY_VERSION.exec(line.toString('latin1'))
  return match === null ? undefined : Number(match[1])
}

/** Whether this is our line cut short or with a few bytes changed. */
function isDamagedLine(line: Buffer): boolean {
  if (line.length < KNOWN_BY_BYTES) return false
  let different = 0
  for (let at = 0; at < line.length; at++) if (line[at] !== STUB_LINE[at]) different++
  return different * DAMAGED_ONE_IN <= line.length
}
