/**
 * A file that is written as it arrives and shows under its name only when it is whole. What is there already is never
 * replaced unless asked for.
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, link, lstat, open, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { DfsError } from '../errors.ts'
import { fromNodeError } from '../posix/errno.ts'

export class ReceivedFile {
  readonly path: string
  readonly #temporary: string
  readonly #handle: FileHandle
  readonly #force: boolean

  /** `out`: the file's path, or a directory to put `name` into. Fails with `exists` unless `force`. */
  static async create({ out, name, force }: { out: string; name: string; force: boolean }): Promise<ReceivedFile> {
    const target = (await isDirectory(out)) ? path.join(out, name) : out
    if (!force && (await isThere(target))) throw alreadyThere(target)
    const temporary = path.join(path.dirname(target), `.dfs-${randomBytes(6).toString('hex')}.part`)
    try {
      return new ReceivedFile(target, temporary, await open(temporary, 'wx', 0o600), force)
    } catch (error) {
      throw fromNodeError(error, 'write', target)
    }
  }

  private constructor(target: string, temporary: string, handle: FileHandle, force: boolean) {
    this.path = target
    this.#temporary = temporary
    this.#handle = handle
    this.#force = force
  }

  async write(bytes: Buffer): Promise<void> {
    try {
      await this.#handle.writeFile(bytes)
    } catch (error) {
      throw fromNodeError(error, 'write', this.path)
    }
  }

  /** The file is whole: gives it its mode, time and name. */
  async keep({ mode, mtimeMs }: { mode: number; mtimeMs: number }): Promise<void> {
    try {
      await this.#handle.chmod(mode)
      await this.#handle.utimes(mtimeMs / 1000, mtimeMs / 1000)
      await this.#handle.sync()
      if (this.#force) await rename(this.#temporary, this.path)
      else await link(this.#temporary, this.path)
    } catch (error) {
      const failure = fromNodeError(error, 'write', this.path)
      throw failure.kind === 'exists' ? alreadyThere(this.path) : failure
    }
  }

  /** Leaves nothing behind but what was kept. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
    await rm(this.#temporary, { force: true })
  }
}

async function isDirectory(file: string): Promise<boolean> {
  return await stat(file).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

async function isThere(file: string): Promise<boolean> {
  return await lstat(file).then(
    () => true,
    () => false,
  )
}

function alreadyThere(file: string): DfsError {
  return new DfsError('exists', 'is there already', {
    op: 'write',
    subject: file,
    mend: 'name another with -o, or use --force',
  })
}
