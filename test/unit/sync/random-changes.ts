/** Random changes to a folder through the vfs, with names that are each other's stubs, and objects of several names. */
import { O } from '../../../src/posix/files.ts'
import { RENAME } from '../../../src/posix/names.ts'
import { MODE } from '../../../src/posix/stat.ts'
import { ROOT_INO } from '../../../src/vfs/operations.ts'
import type { Random } from '../../support/random.ts'
import { lookupIn } from '../vfs/lookup-in.ts'
import { CALLER, noise, type TestFolder } from '../vfs/support.ts'

export type Ino = ReturnType<TestFolder['filesystem']['getattr']>['ino']

const NAMES = ['a', 'b', 'c.txt', 'd.f', 'e\n', '\xff', 'f~', 'a.f~']

export async function write(folder: TestFolder, parent: Ino, name: string, content: Buffer): Promise<Ino> {
  const { filesystem } = folder
  const { handle, attributes } = await filesystem.create(parent, name, 0o640, O.RDWR, CALLER)
  await filesystem.write(handle, 0, content)
  await filesystem.flush(handle)
  filesystem.release(handle)
  return attributes.ino
}

/** One change, or none where what was drawn cannot be. */
export async function change(folder: TestFolder, random: Random): Promise<void> {
  const { filesystem } = folder
  const directories = [...directoriesOf(folder)]
  const [parent, otherParent] = [random.pick(directories), random.pick(directories)]
  const [own, other] = [random.pick(NAMES), random.pick(NAMES)]
  const there = lookupIn(filesystem, parent.ino, own)
  const action = random.weighted({
    write: 6,
    mkdir: 4,
    symlink: 1,
    fifo: 1,
    link: 2,
    unlink: 2,
    chmod: 1,
    xattr: 1,
    rename: 3,
    rmdir: 1,
    overwrite: 2,
  })
  if (there === undefined) {
    if (action === 'write') await write(folder, parent.ino, own, noise(random.below(9000), random.next()))
    if (action === 'mkdir') filesystem.mkdir(parent.ino, own, 0o755, CALLER)
    if (action === 'symlink') filesystem.symlink(parent.ino, own, random.pick(NAMES), CALLER)
    if (action === 'fifo') filesystem.mknod(parent.ino, own, MODE.FIFO | 0o600, 0, CALLER)
    return
  }
  const type = there.mode & MODE.FORMAT
  const isDirectory = type === MODE.DIRECTORY
  if (action === 'overwrite' && type === MODE.REGULAR)
    await overwrite(folder, there.ino, noise(random.below(9000), random.next()))
  if (action === 'link' && !isDirectory && lookupIn(filesystem, otherParent.ino, other) === undefined)
    await filesystem.link(there.ino, otherParent.ino, other)
  if (action === 'unlink' && !isDirectory) await filesystem.unlink(parent.ino, own)
  if (action === 'rmdir' && isDirectory && isEmpty(folder, directories, pathOf(parent.path, own)))
    filesystem.rmdir(parent.ino, own)
  if (action === 'chmod' && type !== MODE.SYMLINK)
    await filesystem.setattr(there.ino, { mode: random.pick([0o600, 0o755]) })
  if (action === 'xattr' && type !== MODE.SYMLINK && type !== MODE.FIFO)
    filesystem.setxattr(there.ino, `user.${random.below(3)}`, random.bytes(random.below(20)), 0)
  const isInside = pathOf(otherParent.path, '').startsWith(`${pathOf(parent.path, own)}/`)
  if (action === 'rename' && !(isDirectory && isInside)) {
    const target = lookupIn(filesystem, otherParent.ino, other)
    const isAlike = target === undefined || (target.mode & MODE.FORMAT) === type
    const flags = target !== undefined && random.oneIn(3) ? RENAME.EXCHANGE : 0
    const isFree = target === undefined || !isDirectory || isEmpty(folder, directories, pathOf(otherParent.path, other))
    const isOutside = !pathOf(parent.path, '').startsWith(`${pathOf(otherParent.path, other)}/`)
    if (isAlike && isFree && isOutside) await filesystem.rename(parent.ino, own, otherParent.ino, other, flags)
  }
}

async function overwrite({ filesystem }: TestFolder, ino: Ino, content: Buffer): Promise<void> {
  const handle = await filesystem.open(ino, O.RDWR)
  await filesystem.write(handle, 0, content)
  await filesystem.flush(handle)
  filesystem.release(handle)
}

interface Directory {
  readonly path: string
  readonly ino: Ino
}

/** At most three levels down. */
function* directoriesOf({ filesystem }: TestFolder): Generator<Directory> {
  const left: Directory[] = [{ path: '', ino: ROOT_INO }]
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    yield at
    if (at.path.split('/').length > 2) continue
    for (const name of NAMES) {
      const found = lookupIn(filesystem, at.ino, name)
      if (found !== undefined && (found.mode & MODE.FORMAT) === MODE.DIRECTORY)
        left.push({ path: pathOf(at.path, name), ino: found.ino })
    }
  }
}

function isEmpty({ filesystem }: TestFolder, directories: readonly Directory[], path: string): boolean {
  const ino = directories.find((directory) => directory.path === path)?.ino
  return ino !== undefined && NAMES.every((name) => lookupIn(filesystem, ino, name) === undefined)
}

function pathOf(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`
}
