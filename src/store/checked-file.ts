/**
 * Small files of the store with a version and a check: what is read back is what was written, or nothing.
 *
 * On disk, one CBOR map: `version` a number; `body` bytes; `digest` BLAKE3-256 of the body.
 */
import { decode, encode } from 'cborg'
import { DfsError } from '../errors.ts'
import { warn } from '../log.ts'
import { digestOf } from '../seal/hash.ts'
import { readFileIfThere, replaceFile } from './small-file.ts'

export interface CheckedFileKind {
  readonly version: number
  /** What it holds, for messages. */
  readonly holds: string
  /** What follows when it is damaged, for messages. */
  readonly ifDamaged: string
}

/** The body; undefined if there is no file or a damaged one, which is told of. Fails with `newer-version`, `io`. */
export async function readCheckedFile(file: string, kind: CheckedFileKind): Promise<Uint8Array | undefined> {
  const bytes = await readFileIfThere(file)
  if (bytes === undefined) return undefined
  const found = decodeMap(bytes)
  if (typeof found.version === 'number' && found.version > kind.version) throw newerVersion(file, kind, found.version)
  const { version, body, digest } = found
  const isWhole = body instanceof Uint8Array && digest instanceof Uint8Array && digestOf(body).equals(digest)
  if (isWhole && version === kind.version) return body
  warn(`${file} is damaged: ${kind.ifDamaged}`)
  return undefined
}

/** Resolves once the file durably holds this body. Fails with `no-space`, `io`; the old file is there then. */
export async function writeCheckedFile(file: string, { version }: CheckedFileKind, body: Uint8Array): Promise<void> {
  await replaceFile(file, Buffer.from(encode({ version, digest: digestOf(body), body })))
}

function decodeMap(bytes: Buffer): Record<string, unknown> {
  try {
    const value: unknown = decode(bytes)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function newerVersion(file: string, kind: CheckedFileKind, version: number): DfsError {
  return new DfsError('newer-version', `${kind.holds} of version ${version}, this dfs knows ${kind.version}`, {
    op: 'read',
    subject: file,
    mend: 'install a newer dfs on this device',
  })
}
