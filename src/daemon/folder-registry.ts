/**
 * `folders.json`: which folders this home looks after, id to path, and of which all content is to be here. Every change is on disk before it is told.
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
  #eager: ReadonlySet<string>

  /** Fails with `newer-version` or `corrupt`; the file is left as it is. */
  static open(file: string): FolderRegistry {
    return new FolderRegistry(file, readFolders(file))
  }

  private constructor(file: string, { paths, eager }: Content) {
    this.#file = file
    this.#paths = paths
    this.#eager = eager
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

  /** Whether all content of the folder is to be here. */
  isEager(id: string): boolean {
    return this.#eager.has(id)
  }

  setEager(id: string, isEager: boolean): Promise<void> {
    return this.#writing.run(async () => {
      if (this.#eager.has(id) === isEager) return
      const eager = new Set(this.#eager)
      if (isEager) eager.add(id)
      else eager.delete(id)
      await this.#write({ paths: this.#paths, eager })
    })
  }

  /** Says that the folder `id` is at `path` now; another one that was registered there is forgotten. */
  set(id: string, path: string): Promise<void> {
    return this.#writing.run(async () => {
      if (this.#paths.get(id) === path) return
      const paths = new Map([...this.#paths].filter(([, other]) => other !== path))
      paths.set(id, path)
      await this.#write({ paths, eager: this.#eager })
    })
  }

  async #write({ paths, eager }: Content): Promise<void> {
    const known = [...eager].filter((id) => paths.has(id))
    const content = { format: FORMAT, folders: Object.fromEntries(paths), eager: known.length > 0 ? known : undefined }
    await replaceFile(this.#file, Buffer.from(`${JSON.stringify(content, undefined, 2)}\n`))
    this.#paths = paths
    this.#eager = new Set(known)
  }
}

interface Content {
  readonly paths: ReadonlyMap<string, string>
  /** Ids of those whose content is all to be here. */
  readonly eager: ReadonlySet<string>
}

function readFolders(file: string): Content {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { paths: new Map(), eager: new Set() }
    throw error
  }
  const { format, folders, eager = [] } = parseJson(file, text)
  if (typeof format === 'number' && format > FORMAT) {
    throw new DfsError('newer-version', `was written by a newer dfs (format ${format})`, {
      subject: file,
      mend: 'use that dfs',
    })
  }
  if (format !== FORMAT || !isFolders(folders) || !isListOfText(eager)) throw damaged(file)
  return { paths: new Map(Object.entries(folders)), eager: new Set(eager) }
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

function isListOfText(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function damaged(file: string): DfsError {
  return new DfsError('corrupt', 'is damaged', { subject: file, mend: 'remove it and mount your folders again' })
}
