/** Folders of very many stubs, made in seconds: one stub is copied, file id and all, which dfs does not mind while they are read. */
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import type { Place } from '../e2e/support/place.ts'

const PER_DIRECTORY = 1000

export interface ManyStubs {
  /** Files in the one directory `large`. */
  large: number
  /** Files in directories of a thousand, `0`, `1`, ... */
  spread: number
}

/** Puts them into the place's folder, which is not mounted. */
export async function makeManyStubs(place: Place, { large, spread }: ManyStubs): Promise<void> {
  await place.dfsOk(['mount', place.folder])
  await place.sh('echo content > folder/file')
  await place.dfsOk(['umount', place.folder])
  const stub = path.join(place.folder, 'file.f')
  const directories = [
    { name: 'large', files: large },
    ...Array.from({ length: Math.ceil(spread / PER_DIRECTORY) }, (_, index) => ({
      name: String(index),
      files: Math.min(PER_DIRECTORY, spread - index * PER_DIRECTORY),
    })),
  ]
  for (const { name, files } of directories) {
    const directory = path.join(place.folder, name)
    mkdirSync(directory)
    for (let index = 0; index < files; index++) copyFileSync(stub, path.join(directory, `${name}-${index}.f`))
  }
  if (readdirSync(path.join(place.folder, 'large')).length !== large) throw new Error('not all stubs were made')
}
