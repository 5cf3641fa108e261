/**
 * The secrets that follow from a personal key. Each has one use, and none says anything about another or
 * about the personal key.
 *
 * secret = BLAKE3 derive-key(context, personal key), with the contexts below (BLAKE3 paper, §2.3). The epoch
 * is a label that says which personal key is meant; it takes no part, so that 24 words are enough to get every
 * secret back.
 */
import { randomBytes } from 'node:crypto'
import { Blake3Hasher } from '@napi-rs/blake-hash'
import { DfsError } from '../errors.ts'

export const PERSONAL_KEY_BYTES = 32
export const KEY_ID_BYTES = 8

const CONTEXTS = {
  keyId: 'dfs 2026-11 v1 key id',
  block: 'dfs 2026-11 v1 data block keys',
  node: 'dfs 2026-11 v1 manifest node keys',
  hash: 'dfs 2026-11 v1 content hashes',
  stub: 'dfs 2026-11 v1 stub slot keys',
  journal: 'dfs 2026-11 v1 journal segment keys',
} as const

/** What sealing blocks needs, and all that the workers of the pool are told. 32 bytes each. */
export interface BlockSecrets {
  readonly blockSecret: Buffer
  readonly nodeSecret: Buffer
  readonly hashSecret: Buffer
}

export class Keys implements BlockSecrets {
  readonly epoch: number
  /** 8 bytes that name the personal key in the open: equal for equal keys, and say nothing more. */
  readonly keyId: Buffer
  readonly blockSecret: Buffer
  readonly nodeSecret: Buffer
  readonly hashSecret: Buffer
  readonly stubSecret: Buffer
  readonly journalSecret: Buffer

  private constructor(personalKey: Buffer, epoch: number) {
    const derive = (context: string): Buffer => Buffer.from(Blake3Hasher.deriveKey(context, personalKey))
    this.epoch = epoch
    this.keyId = derive(CONTEXTS.keyId).subarray(0, KEY_ID_BYTES)
    this.blockSecret = derive(CONTEXTS.block)
    this.nodeSecret = derive(CONTEXTS.node)
    this.hashSecret = derive(CONTEXTS.hash)
    this.stubSecret = derive(CONTEXTS.stub)
    this.journalSecret = derive(CONTEXTS.journal)
  }

  /** Fails with `invalid` unless the personal key has 32 bytes. */
  static derive(personalKey: Buffer, epoch = 0): Keys {
    if (personalKey.length !== PERSONAL_KEY_BYTES) {
      throw new DfsError('invalid', `a personal key has ${PERSONAL_KEY_BYTES} bytes, not ${personalKey.length}`)
    }
    return new Keys(personalKey, epoch)
  }
}

/** 32 random bytes. */
export function newPersonalKey(): Buffer {
  return randomBytes(PERSONAL_KEY_BYTES)
}
