/** The read-only attributes by which dfs tells where a file is: `user.dfs.NAME`. */
import type { Replicas } from '../dfs.ts'
import type { Committer } from './committer.ts'
import type { FileContent } from './file-content.ts'
import { countReplicas, describeState, type LocalPart, localPartOf } from './file-state.ts'
import type { Inode } from './inode-table.ts'
import type { Awaitable } from './operations.ts'
import type { Services } from './services.ts'
import type { StubFile } from './stub-file.ts'

const NOT_COUNTED: Replicas = { counted: 0, wanted: 0 }

export class OwnAttributes {
  readonly #services: Services
  readonly #committer: Committer

  constructor(services: Services, committer: Committer) {
    this.#services = services
    this.#committer = committer
  }

  /** `name`: what follows `user.dfs.`; undefined for one that means nothing, or says nothing of this object. */
  get({ file, kind }: Inode, name: string): Awaitable<Buffer | undefined> {
    if (kind === 'plain' && name === 'state') return Buffer.from('plain')
    const value = file && this.#valueOf(file, name)
    return value?.then((text) => (text === undefined ? undefined : Buffer.from(text)))
  }

  #valueOf(file: StubFile, name: string): Promise<string | undefined> | undefined {
    if (name === 'state') return this.#describe(file)
    if (name === 'local_bytes') return this.#localPart(file).then(({ localBytes }) => String(localBytes))
    if (name === 'replicas') return this.#replicas(file).then(({ counted }) => String(counted))
    if (name === 'cid') return this.#withContent(file, ({ root }) => (root.kind === 'ref' ? root.ref.cid : undefined))
    return undefined
  }

  async #describe(file: StubFile): Promise<string> {
    if (file.changed) return 'dirty'
    return describeState({ ...(await this.#localPart(file)), replicas: await this.#replicas(file) })
  }

  #localPart(file: StubFile): Promise<LocalPart> {
    return this.#withContent(file, (content) => localPartOf(content, this.#services))
  }

  /** What is not in the stub yet is on no other device. */
  #replicas(file: StubFile): Promise<Replicas> {
    const { tree, folderId } = this.#services
    return this.#withContent(file, ({ root }) => {
      const { fileId, sequence, meta, inode } = file
      if (file.isBusy || inode.places.length === 0) return NOT_COUNTED
      const state = { fileId, sequence, meta, content: root }
      return countReplicas({ folderId, path: tree.visiblePath(inode), state }, this.#services)
    })
  }

  /** What was read for this alone does not stay in memory. */
  async #withContent<T>(file: StubFile, work: (content: FileContent) => T | Promise<T>): Promise<T> {
    try {
      return await work(this.#committer.contentOf(file))
    } finally {
      this.#committer.release(file.inode)
    }
  }
}
