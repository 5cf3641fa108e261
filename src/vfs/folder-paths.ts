/**
 * Objects of a folder by the path that a person sees, for who works on it without a mount.
 */
import type { ByteString, StubState } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import { O } from '../posix/files.ts'
import { statFd } from '../posix/stat.ts'
import type { Committer } from './committer.ts'
import type { Filesystem } from './filesystem.ts'
import type { Inode } from './inode-table.ts'
import type { Services } from './services.ts'

const OWN_CALLER = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, pid: process.pid }

export class FolderPaths {
  readonly #services: Services
  readonly #filesystem: Filesystem
  readonly #committer: Committer

  constructor(services: Services, { filesystem, committer }: { filesystem: Filesystem; committer: Committer }) {
    this.#services = services
    this.#filesystem = filesystem
    this.#committer = committer
  }

  /** Undefined if nothing stands there. What was found is to be let go of. */
  find(inside: ByteString): Inode | undefined {
    let inode = this.#services.table.root
    for (const name of namesOf(inside)) {
      const next = inode.kind === 'directory' ? this.#filesystem.names.find(inode, name)?.inode : undefined
      if (next === undefined) {
        this.letGo(inode)
        return undefined
      }
      inode = next
    }
    return inode
  }

  /** The id of the file that stands there; undefined if none does, or it is damaged and does not say. */
  fileIdAt(inside: ByteString): Buffer | undefined {
    try {
      const inode = this.find(inside)
      const fileId = inode?.file?.fileId
      if (inode !== undefined) this.letGo(inode)
      return fileId
    } catch (error) {
      if (kindOf(error) !== 'corrupt') throw error
      return undefined
    }
  }

  /** What the stub that stands there says; `busy` if that cannot be told, or is not all. Undefined if no file of dfs is there. */
  contentAt(inside: ByteString): StubState | 'busy' | undefined {
    try {
      const inode = this.find(inside)
      if (inode === undefined) return undefined
      try {
        if (inode.file === undefined) return undefined
        return inode.file.isBusy ? 'busy' : this.#services.tree.withStub(inode, O.RDONLY, (fd) => this.#load(fd))
      } finally {
        this.letGo(inode)
      }
    } catch (error) {
      if (!(error instanceof DfsError)) throw error
      return 'busy'
    }
  }

  #load(fd: number): StubState {
    return this.#services.tree.loadFd(fd, statFd(fd)).state
  }

  /** What was found and nobody else knows is forgotten again. */
  letGo(inode: Inode): void {
    if (inode.file === undefined) this.#services.table.release(inode)
    else this.#committer.release(inode)
  }

  /** Makes an empty file, and the directories it needs. */
  async makeFile(inside: ByteString): Promise<Inode> {
    const { names } = this.#filesystem
    const { table } = this.#services
    const parts = namesOf(inside)
    const last = parts.pop()!
    let directory = table.root
    for (const name of parts) {
      const parent = directory
      directory = names.find(parent, name)?.inode ?? names.mkdir(parent, name, 0o755, OWN_CALLER)
      table.noteName(parent, name)
    }
    table.noteName(directory, last)
    return (await names.makeFile(directory, last, 0o644, OWN_CALLER)).inode
  }
}

function namesOf(path: ByteString): ByteString[] {
  return path.split('/').filter((name) => name !== '')
}
