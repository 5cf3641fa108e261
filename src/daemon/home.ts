/**
 * The home of dfs on this device: keys, settings, the registry of folders, and where the store, the journal and
 * the index lie. A directory is a home once its `format` file stands, which is written last; keys are never replaced.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { encodeBase32 } from '../bytes/base32.ts'
import { DfsError } from '../errors.ts'
import { deviceIdOf } from '../format/device-id.ts'
import type { NetworkIdentity } from '../net/member.ts'
import { privateNetworkOf } from '../net/vouching.ts'
import { fromNodeError } from '../posix/errno.ts'
import type { PersonalKeyFile } from '../seal/key-file.ts'
import { Keys, type PersonalKey } from '../seal/keys.ts'
import { type SigningKey, signingKeyOfSeed } from '../seal/signing.ts'
import { replaceFile } from '../store/small-file.ts'
import { type Config, createConfig, readConfig } from './config.ts'
import { FolderRegistry } from './folder-registry.ts'
import { KeyFiles, readIfThere } from './key-files.ts'
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

/** What can be said of a home without its keys. */
export interface HomeView {
  readonly dir: string
  readonly folders: FolderRegistry
  readonly config: Config
  readonly configFile: string
}

export class Home implements HomeView {
  readonly dir: string
  readonly folders: FolderRegistry
  readonly #keyFiles: KeyFiles
  #personal: PersonalKeyFile
  readonly #keys: Keys
  /** What this device signs with. */
  readonly identity: SigningKey
  /** 32 bytes: what the identity follows from. */
  readonly identitySeed: Buffer
  /** The libp2p peer id of this device. */
  readonly deviceId: string
  #config: { readonly mark: string | undefined; readonly values: Config } | undefined

  /** Makes a home; keys that are there already stay, so a home that was half made is completed. */
  static async create(dir: string, newHome: NewHome, keyFiles = KeyFiles.open(dir)): Promise<Home> {
    const { personalKey, deviceName, epoch = 0, older = [], network } = newHome
    makeHomeDirectory(dir)
    if (keyFiles.readPersonal() === undefined) await keyFiles.writePersonal({ personalKey, epoch, older })
    await keyFiles.makeIdentity()
    if (network !== undefined) await writeNetwork(dir, network)
    await createConfig(path.join(dir, 'config.json'), deviceName)
    for (const name of ['blocks', 'journal', 'index']) mkdirSync(path.join(dir, name), { recursive: true, mode: 0o700 })
    await replaceFile(path.join(dir, 'format'), Buffer.from(`dfs home ${FORMAT}\n`))
    return new Home(dir, keyFiles)
  }

  /** Replaces keys and network of a home that has no folders. The identity stays. */
  static async renew(dir: string, newHome: NewHome, keyFiles = KeyFiles.open(dir)): Promise<Home> {
    const { personalKey, epoch = 0, older = [], network } = newHome
    const present = Home.open(dir, keyFiles)
    assert(present.folders.list().length === 0, 'nothing is sealed with the keys that go')
    // Statements of the network that is left: before the keys, so that what is half done founds nothing wrong.
    await rm(path.join(dir, 'members'), { force: true })
    await rm(path.join(dir, 'heads'), { recursive: true, force: true })
    await keyFiles.writePersonal({ personalKey, epoch, older })
    if (network !== undefined) await writeNetwork(dir, network)
    return Home.open(dir, keyFiles)
  }

  /** Fails with `not-found` where there is no home, `newer-version`, `corrupt`, `needs-confirmation`; nothing is changed then. */
  static open(dir: string, keyFiles = KeyFiles.open(dir)): Home {
    requireFormat(dir)
    return new Home(dir, keyFiles)
  }

  /** The home as it can be seen without its keys. Fails as `open` does, but for them. */
  static view(dir: string): HomeView {
    requireFormat(dir)
    const configFile = path.join(dir, 'config.json')
    const folders = FolderRegistry.open(path.join(dir, 'folders.json'))
    return { dir, folders, configFile, config: readConfig(configFile) }
  }

  private constructor(dir: string, keyFiles: KeyFiles) {
    this.dir = dir
    this.folders = FolderRegistry.open(path.join(dir, 'folders.json'))
    this.#keyFiles = keyFiles
    this.#personal = keyFiles.readPersonal() ?? isMissing(dir, 'personal.key')
    this.#keys = Keys.derive(this.#personal.personalKey, this.#personal.epoch, this.#personal.older)
    this.identitySeed = keyFiles.readIdentity() ?? isMissing(dir, 'identity.key')
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
    await this.#keyFiles.writePersonal(personal)
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

/** Fails with `not-found` where there is no home, `newer-version`, `corrupt`. */
function requireFormat(dir: string): void {
  const text = readIfThere(path.join(dir, 'format'))
  if (text === undefined) throw noHome(dir)
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

function isMissing(dir: string, name: string): never {
  const mend = name === 'personal.key' ? 'run "dfs recover" with your recovery kit' : 'restore it from a backup'
  throw new DfsError('corrupt', `the file ${name} is missing`, { subject: dir, mend })
}
