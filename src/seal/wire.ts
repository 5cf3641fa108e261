/**
 * What the pool and its workers say to each other. Bytes travel as Uint8Arrays over shared memory, or over an ArrayBuffer
 * of their own that is transferred, so that they never drag along a slab with somebody else's bytes; short secrets
 * travel as text.
 */
import type { SharedPlace } from '../bytes/shared-slots.ts'
import type { BlockKind, BlockRef, Cid, SealedBlock } from '../dfs.ts'
import { DfsError, type ErrorKind } from '../errors.ts'
import type { BlockSecrets } from './keys.ts'

/** Bytes that own their ArrayBuffer. */
export type OwnBytes = Uint8Array<ArrayBuffer>
/** Bytes on their way to a worker, which has the memory of the pool's slots. */
export type SentBytes = OwnBytes | SharedPlace

export type WorkerTask =
  /** Each plaintext comes in pieces that lie one behind the other. */
  | { op: 'seal'; kind: BlockKind; plains: SentBytes[][] }
  /** Into new files, one for each; nothing is left of them if it fails. */
  | { op: 'seal-to-files'; kind: BlockKind; plains: SentBytes[][]; files: string[] }
  /** Once it is opened, the block is written to the new file `keepAs`. */
  | { op: 'open'; bytes: SentBytes; ref: WireRef; into: SharedPlace; keepAs: string | undefined }
  /** The block behind a file descriptor. */
  | { op: 'open-fd'; fd: number; ref: WireRef; into: SharedPlace }
  /** That the block in a file is all there; `challenge` as it is encoded. */
  | { op: 'prove'; file: string; challenge: OwnBytes }
  /** Of a sealed block. */
  | { op: 'split'; bytes: SentBytes; data: number; parity: number }
  /** The block, of such shards, into shared memory. */
  | { op: 'join'; shards: SentBytes[]; cid: string; sealedBytes: number; into: SharedPlace }

export type WorkerAnswer =
  | { sealed: WireBlock[] }
  | { written: WireRef[] }
  /** `notKept`: why there is no file `keepAs`. */
  | { opened: true; notKept?: WireError }
  | { proof: OwnBytes }
  | { shards: WireShard[] }
  | { joined: true }
  | { error: WireError }

export type WireSecrets = { readonly [Name in keyof BlockSecrets]: string }

/** What workers are started with. */
export interface WorkerStart {
  readonly secrets: WireSecrets
  readonly memory: SharedArrayBuffer
}

export interface WireRef {
  cid: string
  /** latin1, as `hash`. */
  key: string
  hash: string
  plainBytes: number
  sealedBytes: number
}

export interface WireBlock {
  ref: WireRef
  bytes: OwnBytes
}

export interface WireShard {
  cid: string
  bytes: OwnBytes
}

export interface WireError {
  kind: ErrorKind
  message: string
  op: string | undefined
  subject: string | undefined
  mend: string | undefined
}

export function wireRef({ cid, key, hash, plainBytes, sealedBytes }: BlockRef): WireRef {
  return { cid, key: key.toString('latin1'), hash: hash.toString('latin1'), plainBytes, sealedBytes }
}

export function refOfWire({ cid, key, hash, plainBytes, sealedBytes }: WireRef): BlockRef {
  return {
    cid: cid as Cid,
    key: Buffer.from(key, 'latin1'),
    hash: Buffer.from(hash, 'latin1'),
    plainBytes,
    sealedBytes,
  }
}

export function blockOfWire({ ref, bytes }: WireBlock): SealedBlock {
  return { ref: refOfWire(ref), bytes: bufferOf(bytes) }
}

export function wireSecrets({ blockSecret, nodeSecret, hashSecret }: BlockSecrets): WireSecrets {
  return {
    blockSecret: blockSecret.toString('latin1'),
    nodeSecret: nodeSecret.toString('latin1'),
    hashSecret: hashSecret.toString('latin1'),
  }
}

export function secretsOfWire({ blockSecret, nodeSecret, hashSecret }: WireSecrets): BlockSecrets {
  return {
    blockSecret: Buffer.from(blockSecret, 'latin1'),
    nodeSecret: Buffer.from(nodeSecret, 'latin1'),
    hashSecret: Buffer.from(hashSecret, 'latin1'),
  }
}

/** Anything thrown, as it travels: what is no DfsError becomes `internal`. */
export function wireError(error: unknown): WireError {
  if (error instanceof DfsError) {
    const { kind, message, op, subject, mend } = error
    return { kind, message, op, subject, mend }
  }
  return { kind: 'internal', message: String(error), op: undefined, subject: undefined, mend: undefined }
}

export function errorOfWire({ kind, message, op, subject, mend }: WireError): DfsError {
  return new DfsError(kind, message, { op, subject, mend })
}

/** The same memory as a Buffer. */
export function bufferOf(bytes: OwnBytes): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
