/**
 * A head of this device: its record, and the trees that it names.
 */
import type { HeadBody, HeadFolder, HeadLabel } from '../../format/head-record.ts'
import { openHead, sealHead, verifyHead } from '../../seal/head-seal.ts'
import type { Keys } from '../../seal/keys.ts'
import type { SigningKey } from '../../seal/signing.ts'
import type { HeadRoot } from '../../sync/head-nodes.ts'

export interface MadeHead {
  readonly label: HeadLabel
  /** As it is kept and given. */
  readonly record: Buffer
  /** By ascending id. */
  readonly folders: readonly HeadFolder[]
}

export function makeHead(label: HeadLabel, body: HeadBody, by: { keys: Keys; device: SigningKey }): MadeHead {
  return { label, record: sealHead(label, body, by), folders: body.folders }
}

/** Reads a record of this owner's. Fails with `corrupt`, `newer-version`, `wrong-key`. */
export function readMadeHead(record: Buffer, keys: Keys): MadeHead {
  const sealed = verifyHead(record)
  return { label: sealed.label, record, folders: openHead(sealed, keys).folders }
}

export function rootOf({ root, entries }: HeadFolder): HeadRoot {
  return { ref: root, entries }
}

/** A tree that is to stay, and the one of the same kind that is there already, if one is. */
export interface TreePair {
  readonly root: HeadRoot
  readonly former: HeadRoot | undefined
}

/** All trees of a folder, each beside the one that the folder had. */
export function treesOf(folder: HeadFolder, former: HeadFolder | undefined): TreePair[] {
  const trees: TreePair[] = [{ root: rootOf(folder), former: former && rootOf(former) }]
  if (folder.index !== undefined) trees.push({ root: folder.index, former: former?.index })
  return trees
}

export function folderOf(head: MadeHead | undefined, id: Buffer): HeadFolder | undefined {
  return head?.folders.find((folder) => folder.id.equals(id))
}
