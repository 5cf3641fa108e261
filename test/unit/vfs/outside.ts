/** What another device does to a folder. */
import { FolderFiles } from '../../../src/vfs/folder-files.ts'
import { FolderPaths } from '../../../src/vfs/folder-paths.ts'
import { OutsideChanges } from '../../../src/vfs/outside-changes.ts'
import type { OutsideState } from '../../../src/vfs/outside-objects.ts'
import { CALLER, type TestFolder } from './support.ts'

export function outsideOf(folder: TestFolder): OutsideChanges {
  const { services, committer, checkpointer, filesystem, keeping } = folder
  return new OutsideChanges(services, {
    names: filesystem.names,
    paths: new FolderPaths(services, { filesystem, committer }),
    files: new FolderFiles(services),
    committer,
    checkpointer,
    versions: keeping,
  })
}

export function outsideFile(text: string, mtimeNs: bigint): OutsideState {
  const bytes = Buffer.from(text)
  return {
    kind: 'file',
    content: { kind: 'file', size: bytes.length, content: { kind: 'inline', bytes } },
    mtimeNs,
    attributes: { mode: 0o644, uid: CALLER.uid, gid: CALLER.gid, xattrs: [] },
  }
}

/** Makes a file, or gives the one that is there another content. */
export async function bring(outside: OutsideChanges, path: string, id: string, state: OutsideState): Promise<void> {
  await outside.prepare([{ id, state, over: path }])
  if (outside.look(path) === undefined) outside.make(path, id, state)
  else outside.replace(path, id, state)
}

/** Has these files at once, each with the text and its number. */
export async function bringAll(folder: TestFolder, files: number, text: string): Promise<void> {
  const outside = outsideOf(folder)
  const all = Array.from({ length: files }, (_, at) => {
    return { id: `${at}`.padStart(32, '0'), path: `${at}`, state: outsideFile(`${text} ${at}`, BigInt(at)) }
  })
  await outside.prepare(all.map(({ id, path, state }) => ({ id, state, over: path })))
  for (const { id, path, state } of all) {
    if (outside.look(path) === undefined) outside.make(path, id, state)
    else outside.replace(path, id, state)
  }
}
