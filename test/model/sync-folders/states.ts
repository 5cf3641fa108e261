/** What stands on the disks of the model: files of a short text, directories, symbolic links. */
import type { DiskObject, ObjectState } from '../../../src/sync/disk.ts'
import type { MemoryDisk } from '../../../src/sync/memory-disk.ts'

export function fileState(text: string, mode = 0o644): ObjectState {
  const bytes = Buffer.from(text)
  return {
    kind: 'file',
    content: { kind: 'file', size: bytes.length, content: { kind: 'inline', bytes } },
    mtimeNs: 1n,
    attributes: { mode, uid: 0, gid: 0, xattrs: [] },
  }
}

export function directoryState(): ObjectState {
  return {
    kind: 'directory',
    content: { kind: 'nothing' },
    mtimeNs: 1n,
    attributes: { mode: 0o755, uid: 0, gid: 0, xattrs: [] },
  }
}

export function symlinkState(target: string): ObjectState {
  return {
    kind: 'symlink',
    content: { kind: 'symlink', target },
    mtimeNs: 1n,
    attributes: { mode: 0o777, uid: 0, gid: 0, xattrs: [] },
  }
}

/** The text of a file, or '' of anything else. */
export function textOf({ content }: ObjectState): string {
  return content.kind === 'file' && content.content.kind === 'inline' ? content.content.bytes.toString() : ''
}

/** What a person sees, by path: also which names are of one object, by the first of them. */
export function shownOn(disk: MemoryDisk): Record<string, string> {
  const first = new Map<string, string>()
  const shown: Record<string, string> = {}
  for (const [path, object] of [...disk.walk()].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!first.has(object.identity)) first.set(object.identity, path)
    shown[path] = `${describe(object)} of ${first.get(object.identity)}`
  }
  return shown
}

/** All texts that stand on a disk. */
export function textsOn(disk: MemoryDisk): Set<string> {
  return new Set([...disk.walk()].map(([, object]) => textOf(object)))
}

function describe(object: DiskObject): string {
  const { kind, content, attributes } = object
  if (content.kind === 'symlink') return `symlink to ${content.target}`
  return `${kind} ${attributes.mode.toString(8)} ${textOf(object)}`
}
