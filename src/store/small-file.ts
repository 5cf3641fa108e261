/** Small files of the store that are replaced whole: after power loss there is the old one or the new one. */
import { open, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { codeOf, syncDirectory } from './files.ts'
import { storeError } from './store-error.ts'

/** Fails with `io`. */
export async function readFileIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw storeError(error, 'read', file)
  }
}

/** Resolves once the new bytes are durable. Fails with `no-space`, `io`; the old file is there then. One call at a time for each file. */
export async function replaceFile(file: string, bytes: Buffer): Promise<void> {
  const temporary = `${file}.new`
  try {
    await writeDurably(temporary, bytes)
    await rename(temporary, file)
    await syncDirectory(path.dirname(file))
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw storeError(error, 'write', file)
  }
}

/**
 * The same, and then overwrites what the old file's bytes were, which would stay on the disk otherwise: as far as a disk
 * does that in place, and unless the old file has another name, too, as a copy made by hard links has.
 */
export async function replaceFileErasing(file: string, bytes: Buffer): Promise<void> {
  await using old = await open(file, 'r+')
  const { size, nlink } = await old.stat()
  await replaceFile(file, bytes)
  if (nlink > 1) return
  await old.write(Buffer.alloc(size), 0, size, 0)
  await old.datasync()
}

/** Resolves once it is durably gone. Fails with `io`. */
export async function removeFile(file: string): Promise<void> {
  try {
    await rm(file, { force: true })
    await syncDirectory(path.dirname(file))
  } catch (error) {
    throw storeError(error, 'remove', file)
  }
}

async function writeDurably(file: string, bytes: Buffer): Promise<void> {
  await using handle = await open(file, 'w', 0o600)
  await handle.writeFile(bytes)
  await handle.datasync()
}
