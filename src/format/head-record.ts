/**
 * The head record: what a device publishes to say which trees are its folders now.
 *
 * Who made it and which one it is stands in clear, for holders to check the signature and keep the newest; the rest is
 * sealed. The signature at its end covers all before it. Nothing is sealed or signed here.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import type { BlockRef } from '../dfs.ts'
import { TAG_BYTES } from './block.ts'
import { BLOCK_REF_BYTES, readBlockRef, writeBlockRef } from './block-ref.ts'
import { PUBLIC_KEY_BYTES } from './device-id.ts'
import { KEY_ID_BYTES, SALT_BYTES } from './envelope.ts'
import { SIGNATURE_BYTES } from './membership.ts'
import { NAME_BYTES_MAX, readName, writeName } from './name.ts'
import { magicNumber, requireRule, requireVersion } from './refuse.ts'

export const FOLDER_ID_BYTES = 16
/** Folders in one record. */
export const HEAD_FOLDERS_MAX = 256

const MAGIC = magicNumber('dfsh')
const VERSION = 2
/** Without indexes. */
const FORMER_VERSION = 1
const AES_256_GCM = 1
const CLEAR_BYTES = 152
const FOLDER_BYTES_MAX = FOLDER_ID_BYTES + 1 + NAME_BYTES_MAX + 24 + BLOCK_REF_BYTES + 1 + 8 + BLOCK_REF_BYTES
const BODY_BYTES_MAX = 10 + HEAD_FOLDERS_MAX * FOLDER_BYTES_MAX
/** Length of the longest record. */
export const HEAD_RECORD_BYTES_MAX = CLEAR_BYTES + BODY_BYTES_MAX + TAG_BYTES + SIGNATURE_BYTES

/** Which head of whose: all that a holder can read. */
export interface HeadLabel {
  /** 32 bytes each: Ed25519 public keys. */
  readonly network: Buffer
  readonly owner: Buffer
  readonly device: Buffer
  /** Counts how often the device's index began anew. 0 < incarnation < 2^53. */
  readonly incarnation: number
  /** Counts the heads of an incarnation. 0 < sequence < 2^53. */
  readonly sequence: number
}

/** What opens the sealed part. */
export interface HeadSealing {
  /** 8 bytes: names the personal key. */
  readonly keyId: Buffer
  readonly epoch: number
  /** 16 bytes, random for every seal. */
  readonly salt: Buffer
}

/** A folder in a head. */
export interface HeadFolder {
  /** 16 bytes. */
  readonly id: Buffer
  /** What people call it: its directory's name, as `fitName` gives it. */
  readonly name: string
  /** How many entries the tree has. */
  readonly entries: number
  /** Plain files that are not adopted: the folder has them, and the tree has not. */
  readonly plainFiles: number
  /** Objects that a head cannot carry. */
  readonly leftOut: number
  /** The root of the folder's tree. */
  readonly root: BlockRef
  /** The tree of what its index says, and how many entries that has; of a folder that other own devices have, too. */
  readonly index?: { readonly ref: BlockRef; readonly entries: number } | undefined
}

/** What is sealed. */
export interface HeadBody {
  /** When it was made by the device's clock, for people. */
  readonly madeAtNs: bigint
  /** By ascending id. */
  readonly folders: readonly HeadFolder[]
}

/** A record as it is signed and sealed; views. */
export interface SealedHead {
  readonly version: number
  readonly label: HeadLabel
  readonly sealing: HeadSealing
  /** Ciphertext and tag. */
  readonly sealed: Buffer
  /** The additional data of the seal: everything before `sealed`. */
  readonly aad: Buffer
  /** What the signature is over. */
  readonly signed: Buffer
  readonly signature: Buffer
}

/** Whether a head takes the place of another: of the same device, and newer. What is not newer never does, equal or not. */
export function supersedes(head: HeadLabel, held: HeadLabel): boolean {
  const isSameDevice =
    head.device.equals(held.device) && head.owner.equals(held.owner) && head.network.equals(held.network)
  if (!isSameDevice) return false
  if (head.incarnation !== held.incarnation) return head.incarnation > held.incarnation
  return head.sequence > held.sequence
}

/** The clear part: the additional data for sealing a body that is `bodyBytes` long. */
export function headAad(label: HeadLabel, { keyId, epoch, salt }: HeadSealing, bodyBytes: number): Buffer {
  const { network, owner, device, incarnation, sequence } = label
  for (const key of [network, owner, device]) assert(key.length === PUBLIC_KEY_BYTES)
  assert(keyId.length === KEY_ID_BYTES && salt.length === SALT_BYTES && incarnation > 0 && sequence > 0)
  assert(bodyBytes > 0 && bodyBytes <= BODY_BYTES_MAX)
  const writer = new Writer().u32(MAGIC).u8(VERSION).u8(AES_256_GCM).u16(0)
  writer.bytes(network).bytes(owner).bytes(device).u53(incarnation).u53(sequence)
  return writer
    .bytes(keyId)
    .u32(epoch)
    .u32(bodyBytes + TAG_BYTES)
    .bytes(salt)
    .finish()
}

/** Reads a record; neither signature nor seal is checked. Fails with `corrupt`, `newer-version`. */
export function decodeSealedHead(bytes: Buffer): SealedHead {
  requireRule(bytes.length <= HEAD_RECORD_BYTES_MAX, 'head record: too long')
  const reader = new Reader(bytes)
  requireRule(reader.u32() === MAGIC, 'head record: not a head record (magic)')
  const version = reader.u8()
  if (version !== FORMER_VERSION) requireVersion('head record', version, VERSION)
  requireRule(reader.u8() === AES_256_GCM, 'head record: unknown cipher')
  requireRule(reader.u16() === 0, 'head record: reserved bytes are not zero')
  const key = () => reader.bytes(PUBLIC_KEY_BYTES)
  const label = { network: key(), owner: key(), device: key(), incarnation: reader.u53(), sequence: reader.u53() }
  requireRule(label.incarnation > 0 && label.sequence > 0, 'head record: counters begin at 1')
  const keyId = reader.bytes(KEY_ID_BYTES)
  const epoch = reader.u32()
  const sealedBytes = reader.u32()
  requireRule(sealedBytes > TAG_BYTES && sealedBytes <= BODY_BYTES_MAX + TAG_BYTES, 'head record: impossible length')
  const salt = reader.bytes(SALT_BYTES)
  const sealed = reader.bytes(sealedBytes)
  const signature = reader.bytes(SIGNATURE_BYTES)
  reader.end()
  return {
    version,
    label,
    sealing: { keyId, epoch, salt },
    sealed,
    aad: bytes.subarray(0, CLEAR_BYTES),
    signed: bytes.subarray(0, -SIGNATURE_BYTES),
    signature,
  }
}

/** The plaintext of the sealed part. */
export function encodeHeadBody({ madeAtNs, folders }: HeadBody): Buffer {
  assert(folders.length <= HEAD_FOLDERS_MAX)
  const writer = new Writer().i64(madeAtNs).u16(folders.length)
  for (const { id, name, entries, plainFiles, leftOut, root, index } of folders) {
    assert(id.length === FOLDER_ID_BYTES)
    writeName(writer.bytes(id), name)
    writer.u53(entries).u53(plainFiles).u53(leftOut).bytes(refBytes(root))
    if (index === undefined) writer.u8(0)
    else writer.u8(1).u53(index.entries).bytes(refBytes(index.ref))
  }
  return writer.finish()
}

/** Reads the opened body of a record of this version; ids are views. Fails with `corrupt`. */
export function decodeHeadBody(plain: Buffer, version = VERSION): HeadBody {
  const reader = new Reader(plain)
  const madeAtNs = reader.i64()
  const count = reader.u16()
  requireRule(count <= HEAD_FOLDERS_MAX, 'head record: too many folders')
  const folders: HeadFolder[] = []
  for (let at = 0; at < count; at++) {
    const id = reader.bytes(FOLDER_ID_BYTES)
    requireRule(at === 0 || id.compare(folders[at - 1]!.id) > 0, 'head record: folders out of order')
    const name = readName(reader)
    const counts = { entries: reader.u53(), plainFiles: reader.u53(), leftOut: reader.u53() }
    const root = readRoot(reader)
    const index = version === FORMER_VERSION ? undefined : readIndex(reader)
    folders.push({ id, name, ...counts, root, ...(index && { index }) })
  }
  reader.end()
  return { madeAtNs, folders }
}

function refBytes(ref: BlockRef): Buffer {
  const bytes = Buffer.allocUnsafe(BLOCK_REF_BYTES)
  writeBlockRef(bytes, 0, ref)
  return bytes
}

function readRoot(reader: Reader): BlockRef {
  const root = readBlockRef(reader.bytes(BLOCK_REF_BYTES), 0)
  requireRule(root !== undefined, 'head record: a tree without a root')
  return root
}

function readIndex(reader: Reader): HeadFolder['index'] {
  const isThere = reader.u8()
  requireRule(isThere <= 1, 'head record: impossible index')
  return isThere === 0 ? undefined : { entries: reader.u53(), ref: readRoot(reader) }
}
