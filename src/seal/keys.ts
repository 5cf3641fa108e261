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
  head: 'dfs 2026-11 v1 head record keys',
  split: 'dfs 2026-11 v1 head node ends',
  sync: 'dfs 2026-11 v1 sync index keys',
} as const

/** What sealing blocks needs, and all that the workers of the pool are told. 32 bytes each. */
export interface BlockSecrets {
  readonly blockSecret: Buffer
  readonly nodeSecret: Buffer
  readonly hashSecret: Buffer
}

/** The secrets of one epoch. */
export interface EpochKeys extends BlockSecrets {
  /** How many personal keys came before this one. */
  readonly epoch: number
  /** 8 bytes that name the personal key in the open: equal for equal keys, and say nothing more. */
  readonly keyId: Buffer
  readonly stubSecret: Buffer
  readonly journalSecret: Buffer
  readonly headSecret: Buffer
  /** Decides where the tree of a head is split, so that the sizes of its blocks say nothing of the names in it. */
  readonly splitSecret: Buffer
  readonly syncSecret: Buffer
}

/** A personal key and its place in the line of an owner's personal keys. */
export interface PersonalKey {
  /** 32 bytes. */
  readonly personalKey: Buffer
  readonly epoch: number
}

/**
 * All epochs that this device can read. What is sealed is sealed with the newest: `epoch`, `keyId` and the secrets are
 * its own, and change when `advance` is called; what is opened names its epoch by the key id.
 */
export class Keys implements EpochKeys {
  #newest: EpochKeys
  readonly #byKeyId = new Map<string, EpochKeys>()

  private constructor(newest: PersonalKey, older: readonly PersonalKey[]) {
    for (const key of older) this.#add(key)
    this.#newest = this.#add(newest)
  }

  /** `older`: the personal keys of earlier epochs. Fails with `invalid` unless every personal key has 32 bytes. */
  static derive(personalKey: Buffer, epoch = 0, older: readonly PersonalKey[] = []): Keys {
    return new Keys({ personalKey, epoch }, older)
  }

  get epoch(): number {
    return this.#newest.epoch
  }

  get keyId(): Buffer {
    return this.#newest.keyId
  }

  get blockSecret(): Buffer {
    return this.#newest.blockSecret
  }

  get nodeSecret(): Buffer {
    return this.#newest.nodeSecret
  }

  get hashSecret(): Buffer {
    return this.#newest.hashSecret
  }

  get stubSecret(): Buffer {
    return this.#newest.stubSecret
  }

  get journalSecret(): Buffer {
    return this.#newest.journalSecret
  }

  get headSecret(): Buffer {
    return this.#newest.headSecret
  }

  get splitSecret(): Buffer {
    return this.#newest.splitSecret
  }

  get syncSecret(): Buffer {
    return this.#newest.syncSecret
  }

  /** The epoch that a key id names, whichever; undefined if it is not one of this owner's, or a newer one. */
  ofKeyId(keyId: Buffer): EpochKeys | undefined {
    return this.#byKeyId.get(keyId.toString('hex'))
  }

  /** Seals with a newer epoch from now on; `older`: the personal keys of those before, some of which may be new, too. */
  advance(newest: PersonalKey, older: readonly PersonalKey[]): void {
    if (newest.epoch <= this.epoch) throw new DfsError('invalid', `epoch ${newest.epoch} is not newer`)
    for (const key of older) this.#add(key)
    this.#newest = this.#add(newest)
  }

  #add({ personalKey, epoch }: PersonalKey): EpochKeys {
    const keys = deriveEpoch(personalKey, epoch)
    this.#byKeyId.set(keys.keyId.toString('hex'), keys)
    return keys
  }
}

/** 32 random bytes. */
export function newPersonalKey(): Buffer {
  return randomBytes(PERSONAL_KEY_BYTES)
}

function deriveEpoch(personalKey: Buffer, epoch: number): EpochKeys {
  if (personalKey.length !== PERSONAL_KEY_BYTES) {
    throw new DfsError('invalid', `a personal key has ${PERSONAL_KEY_BYTES} bytes, not ${personalKey.length}`)
  }
  const derive = (context: string): Buffer => Buffer.from(Blake3Hasher.deriveKey(context, personalKey))
  return {
    epoch,
    keyId: derive(CONTEXTS.keyId).subarray(0, KEY_ID_BYTES),
    blockSecret: derive(CONTEXTS.block),
    nodeSecret: derive(CONTEXTS.node),
    hashSecret: derive(CONTEXTS.hash),
    stubSecret: derive(CONTEXTS.stub),
    journalSecret: derive(CONTEXTS.journal),
    headSecret: derive(CONTEXTS.head),
    splitSecret: derive(CONTEXTS.split),
    syncSecret: derive(CONTEXTS.sync),
  }
}
