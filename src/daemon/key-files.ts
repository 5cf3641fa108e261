/**
 * The key files of a home, and the passphrase that they may be under.
 *
 * While `passphrase.key` is there, the keys are to be sealed: it is written first and removed last, and what is plain beside it,
 * because something stopped in between, is sealed at the next start. So at each moment the keys open, with the passphrase
 * if that file is there, and without it if not.
 */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Mutex } from '../concurrency/mutex.ts'
import { DfsError } from '../errors.ts'
import { fromNodeError } from '../posix/errno.ts'
import {
  decodeIdentityFile,
  decodePersonalKeyFile,
  encodeIdentityFile,
  encodePersonalKeyFile,
  type FileKind,
  newIdentitySeed,
  type PersonalKeyFile,
} from '../seal/key-file.ts'
import { isSealedKeyFile, openKeyFile, sealKeyFile } from '../seal/key-file-seal.ts'
import { lockHomeKey, newHomeKey, unlockHomeKey } from '../seal/passphrase.ts'
import { removeFile, replaceFile, replaceFileErasing } from '../store/small-file.ts'
import { passphrasePath } from './address.ts'

const KINDS: readonly FileKind[] = ['personal', 'identity']

export class KeyFiles {
  readonly #dir: string
  /** What the files are sealed with; undefined if there is no passphrase, or it was not given. */
  #homeKey: Buffer | undefined
  readonly #writing = new Mutex()

  /** Those of a home without a passphrase, or one of which no key is wanted: reading a sealed one fails with `needs-confirmation`. */
  static open(dir: string): KeyFiles {
    return new KeyFiles(dir, undefined)
  }

  /** Fails with `needs-confirmation` if there is a passphrase and none is given, `wrong-key` if it is another. Changes nothing. */
  static async unlock(dir: string, passphrase: string | undefined): Promise<KeyFiles> {
    const lock = readIfThere(passphrasePath(dir))
    if (lock === undefined) return KeyFiles.open(dir)
    if (passphrase === undefined) throw locked(dir)
    return new KeyFiles(dir, await unlockHomeKey(lock, passphrase))
  }

  private constructor(dir: string, homeKey: Buffer | undefined) {
    this.#dir = dir
    this.#homeKey = homeKey
  }

  get hasPassphrase(): boolean {
    return existsSync(passphrasePath(this.#dir))
  }

  /** Undefined if there is no such file. Fails with `corrupt`, `newer-version`, `needs-confirmation`; nothing is changed. */
  readPersonal(): PersonalKeyFile | undefined {
    const text = this.#read('personal')
    return text === undefined ? undefined : decodePersonalKeyFile(text)
  }

  /** The same for the seed of the identity. */
  readIdentity(): Buffer | undefined {
    const text = this.#read('identity')
    return text === undefined ? undefined : decodeIdentityFile(text)
  }

  /** Durable when it resolves. */
  writePersonal(personal: PersonalKeyFile): Promise<void> {
    return this.#writing.run(() => this.#write('personal', encodePersonalKeyFile(personal)))
  }

  /** The seed of the identity, made if there is none yet. */
  async makeIdentity(): Promise<Buffer> {
    const present = this.readIdentity()
    if (present !== undefined) return present
    const seed = newIdentitySeed()
    await this.#writing.run(() => this.#write('identity', encodeIdentityFile(seed)))
    return seed
  }

  /** Puts the keys that are there, and those that come, under a passphrase. Fails with `exists` if there is one. */
  setPassphrase(passphrase: string): Promise<void> {
    return this.#writing.run(async () => {
      if (this.hasPassphrase) {
        throw new DfsError('exists', 'there is a passphrase already', {
          subject: this.#dir,
          mend: 'change it with "dfs passphrase change"',
        })
      }
      const homeKey = newHomeKey()
      await replaceFile(passphrasePath(this.#dir), Buffer.from(await lockHomeKey(homeKey, passphrase)))
      this.#homeKey = homeKey
      await this.#sealAll()
    })
  }

  /** Fails with `wrong-key` if `present` is another, `not-found` if there is none; nothing is changed then. */
  changePassphrase(present: string, next: string): Promise<void> {
    return this.#writing.run(async () => {
      const homeKey = await this.checkPassphrase(present)
      // What stood there opens with the old one.
      await replaceFileErasing(passphrasePath(this.#dir), Buffer.from(await lockHomeKey(homeKey, next)))
    })
  }

  /** Fails as `changePassphrase` does. */
  removePassphrase(present: string): Promise<void> {
    return this.#writing.run(async () => {
      await this.checkPassphrase(present)
      const plain = KINDS.map((kind) => [kind, this.#read(kind)] as const)
      for (const [kind, text] of plain) if (text !== undefined) await replaceFile(this.#file(kind), Buffer.from(text))
      await removeFile(passphrasePath(this.#dir))
      this.#homeKey = undefined
    })
  }

  /** The key that it opens. Fails with `wrong-key`, and `not-found` if there is no passphrase. */
  async checkPassphrase(passphrase: string): Promise<Buffer> {
    const lock = readIfThere(passphrasePath(this.#dir))
    if (lock !== undefined) return await unlockHomeKey(lock, passphrase)
    throw new DfsError('not-found', 'the keys are under no passphrase', {
      subject: this.#dir,
      mend: 'set one with "dfs passphrase set"',
    })
  }

  /** Seals what a stop in between left plain. */
  complete(): Promise<void> {
    return this.#writing.run(() => this.#sealAll())
  }

  async #sealAll(): Promise<void> {
    if (this.#homeKey === undefined) return
    for (const kind of KINDS) {
      const text = readIfThere(this.#file(kind))
      if (text === undefined || isSealedKeyFile(kind, text)) continue
      await replaceFileErasing(this.#file(kind), Buffer.from(sealKeyFile(kind, text, this.#homeKey)))
    }
  }

  #read(kind: FileKind): string | undefined {
    const text = readIfThere(this.#file(kind))
    if (text === undefined || !isSealedKeyFile(kind, text)) return text
    if (this.#homeKey !== undefined) return openKeyFile(kind, text, this.#homeKey)
    if (this.hasPassphrase) throw locked(this.#dir)
    throw new DfsError('corrupt', 'the file passphrase.key is missing, without which the keys do not open', {
      subject: this.#dir,
      mend: 'restore it from a backup, or make a new home with "dfs recover" and the recovery kit',
    })
  }

  #write(kind: FileKind, plain: string): Promise<void> {
    const text = this.#homeKey === undefined ? plain : sealKeyFile(kind, plain, this.#homeKey)
    return replaceFile(this.#file(kind), Buffer.from(text))
  }

  #file(kind: FileKind): string {
    return path.join(this.#dir, `${kind}.key`)
  }
}

function locked(dir: string): DfsError {
  return new DfsError('needs-confirmation', 'the keys are under a passphrase', {
    subject: dir,
    mend: 'give it at a terminal, or with --passphrase-file',
  })
}

/** Undefined if it is not there. Fails as the system does. */
export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const failure = fromNodeError(error, 'read', file)
    if (failure.kind === 'not-found' || failure.kind === 'not-a-directory') return undefined
    throw failure
  }
}
