/**
 * `folders.json`: which folders this home looks after, id to path. Every change is on disk before it is told.
 * A path stands at most once; a folder that was moved keeps its id.
 */
import { readFileSync } from 'node:fs'
import { Mutex } from '../concurrency/mutex.ts'
import { DfsError } from '../errors.ts'
import { replaceFile } from '../store/small-file.ts'

const FORMAT = 1

export interface RegisteredFolder {
  /** 32 hex digits. */
  readonly id: string
  /** Absolute, without symbolic links. */
  readonly path: string
}

export class FolderRegistry {
  readonly #file: string
  readonly #writing = new Mutex()
  #paths: ReadonlyMap<string, string>

  /** Fails with `newer-version` or `corrupt`; the file is left as it is. */
  static open(file: string): FolderRegistry {
    return new FolderRegistry(file, readFolders(file))
  }

  private constructor(file: string, paths: ReadonlyMap<string, string>) {
    this.#file = file
    this.#paths = paths
  }

  list(): RegisteredFolder[] {
    return [...this.#paths].map(([id, path]) => ({ id, path }))
  }

  pathOf(id: string): string | undefined {
    return this.#paths.get(id)
  }

  /** The id of the folder that is registered at a path. */
  idAt(path: string): string | undefined {
    return this.list().find((folder) => folder.path === path)?.id
  }

  /** Says that the folder `id` is at `path` now; another one that was registered there is forgotten. */
  set(id: string, path: string): Promise<void> {
    return this.#writing.run(async () => {
      if (this.#paths.get(id) === path) return
      const paths = new Map([...this.#paths].filter(([, other]) => other !== path))
      paths.set(id, path)
      const content = { format: FORMAT, folders: Object.fromEntries(paths) }
      await replaceFile(this.#file, Buffer.from(`${JSON.stringify(content, undefined, 2)}\n`))
      this.#paths = paths
    })
  }
}

function readFolders(file: string): Map<string, string> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
    throw error
  }
  const { format, folders } = parseJson(file, text)
  if (typeof format === 'number' && format > FORMAT) {
    throw new DfsError('newer-version', `was written by a newer dfs (format ${format})`, {
      subject: file,
      mend: 'use that dfs',
    })
  }
  if (format !== FORMAT || !isFolders(folders)) throw damaged(file)
  return new Map(Object.entries(folders))
}

function parseJson(file: string, text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {}
  throw damaged(file)
}

function isFolders(value: unknown): value is Record<string, string> {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).every(
    ([id, path]) => /^[0-9a-f]{32}$/.test(id) && typeof path === 'string' && path.startsWith('/'),
  )
}

function damaged(file: string): DfsError {
  return new DfsError('corrupt', 'is damaged', { subject: file, mend: 'remove it and mount your folders again' })
}
