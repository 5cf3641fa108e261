/**
 * The home of dfs on this device: keys, settings, the registry of folders, and where the store, the journal and
 * the index lie. A directory is a home once its `format` file stands, which is written last; keys are never replaced.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { encodeBase32 } from '../bytes/base32.ts'
import { DfsError } from '../errors.ts'
import { deviceIdOf } from '../format/device-id.ts'
import type { NetworkIdentity } from '../net/member.ts'
import { privateNetworkOf } from '../net/vouching.ts'
import { fromNodeError } from '../posix/errno.ts'
import {
  decodeIdentityFile,
  decodePersonalKeyFile,
  encodeIdentityFile,
  encodePersonalKeyFile,
  newIdentitySeed,
  type PersonalKeyFile,
} from '../seal/key-file.ts'
import { Keys, type PersonalKey } from '../seal/keys.ts'
import { type SigningKey, signingKeyOfSeed } from '../seal/signing.ts'
import { replaceFile } from '../store/small-file.ts'
import { type Config, createConfig, readConfig } from './config.ts'
import { FolderRegistry } from './folder-registry.ts'
import { readNetwork, writeNetwork } from './network-file.ts'

const FORMAT = 1
/** Changes that are further apart show in a file's times, however coarse its file system's are. */
const SETTLED_MS = 3_000

export interface NewHome {
  personalKey: Buffer
  deviceName?: string | undefined
  /** Default: 0, and none. */
  epoch?: number
  older?: readonly PersonalKey[]
  /** Default: a private network of its own. */
  network?: NetworkIdentity | undefined
}

export class Home {
  readonly dir: string
  readonly folders: FolderRegistry
  #personal: PersonalKeyFile
  readonly #keys: Keys
  /** What this device signs with. */
  readonly identity: SigningKey
  /** 32 bytes: what the identity follows from. */
  readonly identitySeed: Buffer
  /** The libp2p peer id of this device. */
  readonly deviceId: string
  #config: { readonly mark: string | undefined; readonly values: Config } | undefined

  /** The personal key of a home that is there or was being made when something stopped it; undefined if none. */
  static personalKeyAt(dir: string): Buffer | undefined {
    const text = readIfThere(path.join(dir, 'personal.key'))
    return text === undefined ? undefined : decodePersonalKeyFile(text).personalKey
  }

  /** Makes a home; keys that are there already stay, so a home that was half made is completed. */
  static async create(dir: string, newHome: NewHome): Promise<Home> {
    const { personalKey, deviceName, epoch = 0, older = [], network } = newHome
    makeHomeDirectory(dir)
    await writeOnce(path.join(dir, 'personal.key'), () => encodePersonalKeyFile({ personalKey, epoch, older }))
    await Home.makeIdentity(dir)
    if (network !== undefined) await writeNetwork(dir, network)
    if (!existsSync(path.join(dir, 'config.json'))) await createConfig(path.join(dir, 'config.json'), deviceName)
    for (const name of ['blocks', 'journal', 'index']) mkdirSync(path.join(dir, name), { recursive: true, mode: 0o700 })
    await replaceFile(path.join(dir, 'format'), Buffer.from(`dfs home ${FORMAT}\n`))
    return new Home(dir)
  }

  /** Replaces keys and network of a home that has no folders. The identity stays. */
  static async renew(dir: string, { personalKey, epoch = 0, older = [], network }: NewHome): Promise<Home> {
    const present = Home.open(dir)
    assert(present.folders.list().length === 0, 'nothing is sealed with the keys that go')
    // Statements of the network that is left: before the keys, so that what is half done founds nothing wrong.
    await rm(path.join(dir, 'members'), { force: true })
    await rm(path.join(dir, 'heads'), { recursive: true, force: true })
    await replaceFile(path.join(dir, 'personal.key'), Buffer.from(encodePersonalKeyFile({ personalKey, epoch, older })))
    if (network !== undefined) await writeNetwork(dir, network)
    return Home.open(dir)
  }

  /** The seed of this device's identity, made if there is none yet: joining needs it before there is a home. */
  static async makeIdentity(dir: string): Promise<Buffer> {
    makeHomeDirectory(dir)
    await writeOnce(path.join(dir, 'identity.key'), () => encodeIdentityFile(newIdentitySeed()))
    return decodeIdentityFile(readKey(dir, 'identity.key'))
  }

  /** Fails with `not-found` where there is no home, `newer-version`, `corrupt`; nothing is changed then. */
  static open(dir: string): Home {
    const format = readIfThere(path.join(dir, 'format'))
    if (format === undefined) throw noHome(dir)
    checkFormat(dir, format)
    return new Home(dir)
  }

  private constructor(dir: string) {
    this.dir = dir
    this.folders = FolderRegistry.open(path.join(dir, 'folders.json'))
    this.#personal = decodePersonalKeyFile(readKey(dir, 'personal.key'))
    this.#keys = Keys.derive(this.#personal.personalKey, this.#personal.epoch, this.#personal.older)
    this.identitySeed = decodeIdentityFile(readKey(dir, 'identity.key'))
    this.identity = signingKeyOfSeed(this.identitySeed)
    this.deviceId = deviceIdOf(this.identity.publicKey)
  }

  /** The network this home is in, and its owner there. */
  get network(): NetworkIdentity {
    return readNetwork(this.dir) ?? privateNetworkOf(this.#personal.older[0]?.personalKey ?? this.personalKey)
  }

  get configFile(): string {
    return path.join(this.dir, 'config.json')
  }

  /** As the file says now; asked for with each block, so that a file which is the one that was read last is not read again. */
  get config(): Config {
    const mark = markOf(this.configFile)
    if (this.#config === undefined || mark === undefined || mark !== this.#config.mark) {
      this.#config = { mark, values: readConfig(this.configFile) }
    }
    return this.#config.values
  }

  /** The newest. */
  get personalKey(): Buffer {
    return this.#personal.personalKey
  }

  get epoch(): number {
    return this.#personal.epoch
  }

  /** The personal keys of earlier epochs, the earliest first. */
  get olderKeys(): readonly PersonalKey[] {
    return this.#personal.older
  }

  /** One for all: it follows when the epoch moves on. */
  get keys(): Keys {
    return this.#keys
  }

  /** What one's own devices have in common and may be shown. */
  get ownerId(): string {
    return encodeBase32(this.network.owner)
  }

  /** Moves on to a newer personal key, which is durable when this resolves. `older`: those of all epochs before. */
  async advance(newest: PersonalKey, older: readonly PersonalKey[]): Promise<void> {
    const personal = { ...newest, older }
    await replaceFile(path.join(this.dir, 'personal.key'), Buffer.from(encodePersonalKeyFile(personal)))
    this.#personal = personal
    this.#keys.advance(newest, older)
  }

  /** Whether there were blocks here, of folders or for others: a store that is gone is a missing disk, not a new store. */
  get mayHaveBlocks(): boolean {
    return this.folders.list().length > 0 || this.hasHeld
  }

  /** Whether there is a ledger of holds. */
  get hasHeld(): boolean {
    return existsSync(this.directory('holds'))
  }

  directory(name: 'blocks' | 'journal' | 'index' | 'holds' | 'heads' | 'sync'): string {
    return path.join(this.dir, name)
  }
}

export function noHome(dir: string): DfsError {
  return new DfsError('not-found', 'there is no dfs home here', {
    subject: dir,
    mend: 'run "dfs init", or set DFS_HOME',
  })
}

/** Tells one state of a file from the others; undefined while it is so new that the next one could look the same. */
function markOf(file: string): string | undefined {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false })
  if (stat === undefined) return 'none'
  if (Date.now() - Number(stat.ctimeMs) < SETTLED_MS) return undefined
  return `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`
}

/** Makes the directory of a home (0700), and what leads there. */
export function makeHomeDirectory(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw fromNodeError(error, 'make the home', dir)
  }
}

function checkFormat(dir: string, text: string): void {
  const format = Number(/^dfs home (\d+)\n$/.exec(text)?.[1])
  if (format === FORMAT) return
  if (format > FORMAT) {
    throw new DfsError('newer-version', `is a home of format ${format}, made by a newer dfs`, {
      subject: dir,
      mend: 'use that dfs',
    })
  }
  throw new DfsError('corrupt', 'its file "format" is damaged', {
    subject: dir,
    mend: `write "dfs home ${FORMAT}" into it`,
  })
}

function readKey(dir: string, name: string): string {
  const text = readIfThere(path.join(dir, name))
  if (text !== undefined) return text
  const mend = name === 'personal.key' ? 'run "dfs recover" with your recovery kit' : 'restore it from a backup'
  throw new DfsError('corrupt', `the file ${name} is missing`, { subject: dir, mend })
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const failure = fromNodeError(error, 'read', file)
    if (failure.kind === 'not-found' || failure.kind === 'not-a-directory') return undefined
    throw failure
  }
}

async function writeOnce(file: string, content: () => string): Promise<void> {
  if (!existsSync(file)) await replaceFile(file, Buffer.from(content()))
}
