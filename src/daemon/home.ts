/**
 * The home of dfs on this device: keys, settings, the registry of folders, and where the store, the journal and
 * the index lie. A directory is a home once its `format` file stands, which is written last; keys are never replaced.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { DfsError } from '../errors.ts'
import { fromNodeError } from '../posix/errno.ts'
import {
  decodeIdentityFile,
  decodePersonalKeyFile,
  encodeIdentityFile,
  encodePersonalKeyFile,
  identityOfSeed,
  newIdentitySeed,
  type PersonalKeyFile,
} from '../seal/key-file.ts'
import { Keys } from '../seal/keys.ts'
import { replaceFile } from '../store/small-file.ts'
import { type Config, createConfig, readConfig } from './config.ts'
import { deviceIdOf } from './device-id.ts'
import { FolderRegistry } from './folder-registry.ts'

const FORMAT = 1

export interface NewHome {
  personalKey: Buffer
  deviceName?: string | undefined
}

export class Home {
  readonly dir: string
  readonly folders: FolderRegistry
  readonly #personal: PersonalKeyFile
  /** The libp2p peer id of this device. */
  readonly deviceId: string

  /** The personal key of a home that is there or was being made when something stopped it; undefined if none. */
  static personalKeyAt(dir: string): Buffer | undefined {
    const text = readIfThere(path.join(dir, 'personal.key'))
    return text === undefined ? undefined : decodePersonalKeyFile(text).personalKey
  }

  /** Makes a home; keys that are there already stay, so a home that was half made is completed. */
  static async create(dir: string, { personalKey, deviceName }: NewHome): Promise<Home> {
    makeHomeDirectory(dir)
    await writeOnce(path.join(dir, 'personal.key'), () => encodePersonalKeyFile({ personalKey, epoch: 0 }))
    await writeOnce(path.join(dir, 'identity.key'), () => encodeIdentityFile(newIdentitySeed()))
    if (!existsSync(path.join(dir, 'config.json'))) await createConfig(path.join(dir, 'config.json'), deviceName)
    for (const name of ['blocks', 'journal', 'index']) mkdirSync(path.join(dir, name), { recursive: true, mode: 0o700 })
    await replaceFile(path.join(dir, 'format'), Buffer.from(`dfs home ${FORMAT}\n`))
    return new Home(dir)
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
    this.deviceId = deviceIdOf(identityOfSeed(decodeIdentityFile(readKey(dir, 'identity.key'))).publicKey)
  }

  get configFile(): string {
    return path.join(this.dir, 'config.json')
  }

  /** As the file says now. */
  get config(): Config {
    return readConfig(this.configFile)
  }

  get personalKey(): Buffer {
    return this.#personal.personalKey
  }

  deriveKeys(): Keys {
    return Keys.derive(this.#personal.personalKey, this.#personal.epoch)
  }

  /** What one's own devices have in common and may be shown: 16 hex digits. */
  get ownerId(): string {
    return this.deriveKeys().keyId.toString('hex')
  }

  /** Of `blocks`, `journal` or `index`. */
  directory(name: 'blocks' | 'journal' | 'index'): string {
    return path.join(this.dir, name)
  }
}

export function noHome(dir: string): DfsError {
  return new DfsError('not-found', 'there is no dfs home here', {
    subject: dir,
    mend: 'run "dfs init", or set DFS_HOME',
  })
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
