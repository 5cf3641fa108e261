/**
 * Which name the stub of a plain file is to stand for: the file's own, or, where a stub of other content has that
 * already, a conflict copy's. Content is compared by the manifest alone: equal chunks make equal nodes.
 */
import type { ByteString, Content } from '../../dfs.ts'
import { conflictName, NAME_BYTES_MAX, storedNameOfFile } from '../../format/stored-name.ts'
import { statAt } from '../../posix/stat.ts'
import type { Inode, Place } from '../inode-table.ts'
import type { Services } from '../services.ts'
import type { Found } from '../stub-tree.ts'
import { LeftAlone } from './left-alone.ts'

export interface PlainContent {
  readonly size: number
  readonly content: Content
}

/**
 * The first free name; undefined if a stub of equal content has one of them already. Opens files of the directory.
 * Fails with LeftAlone if something else is in the way, with `corrupt` and the like if a stub there cannot be read.
 */
export function freeStubName(services: Services, { parent, name }: Place, plain: PlainContent): ByteString | undefined {
  const { tree } = services
  for (let attempt = 0; ; attempt++) {
    const visible = attempt === 0 ? name : conflictName(name, attempt)
    if (visible.length > NAME_BYTES_MAX) throw nameTooLong()
    const found = tree.find(parent, visible)
    if (found?.kind === 'stub') {
      if (hasContent(services, { parent, name: visible }, found, plain)) return undefined
      continue
    }
    const isItself = attempt === 0 && found?.kind === 'plain'
    const isFree = statAt(tree.directoryFd(parent), storedNameOfFile(visible)) === undefined
    if (isFree && (isItself || found === undefined)) return visible
    if (attempt === 0) throw new LeftAlone('exists', 'something else stands where its stub must go')
  }
}

export function nameTooLong(): LeftAlone {
  return new LeftAlone('name-too-long', 'its name is too long for a stub')
}

function hasContent(
  services: Services,
  { parent, name }: Place,
  { stored, stat }: Found,
  { size, content }: PlainContent,
): boolean {
  const { tree } = services
  const here = parent.children.get(name)
  const known = here?.is(stat) === true || stat.nlink === 1 ? here : inodeOf(services, stat)
  // What it says is not yet in the stub.
  if (known?.file?.isBusy === true) throw new LeftAlone('busy', 'the stub beside it is being written to')
  const { state } = tree.load(tree.directoryFd(parent), stored, stat)
  return state.meta.size === size && isEqual(state.content, content)
}

/** The inode of a stub that is known by another name only. */
function inodeOf({ table }: Services, stat: Found['stat']): Inode | undefined {
  for (const inode of table.values()) if (inode.is(stat)) return inode
  return undefined
}

/** Of two contents of one size. */
function isEqual(one: Content, other: Content): boolean {
  if (one.kind === 'inline') return other.kind === 'inline' && one.bytes.equals(other.bytes)
  if (one.kind === 'root') return other.kind === 'root' && one.node.equals(other.node)
  return other.kind === 'ref' && one.ref.cid === other.ref.cid
}
