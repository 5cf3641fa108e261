/**
 * The connections with members that are open now: who has come, who has gone.
 */
import type { Connection } from '@libp2p/interface'
import type { DfsLibp2p } from './libp2p-options.ts'

type Listener = (peerId: string, isUp: boolean) => void

export class MemberConnections {
  readonly #byPeer = new Map<string, Set<Connection>>()
  readonly #listeners = new Set<Listener>()

  /** `isMembers` says of a new connection whether it is a member's. */
  constructor(libp2p: DfsLibp2p, isMembers: (connection: Connection) => boolean) {
    libp2p.addEventListener('connection:open', ({ detail: connection }) => {
      if (isMembers(connection) && connection.status === 'open') this.#add(connection)
    })
    libp2p.addEventListener('connection:close', ({ detail: connection }) => this.#remove(connection))
  }

  peerIds(): string[] {
    return [...this.#byPeer.keys()]
  }

  has(peerId: string): boolean {
    return this.#byPeer.has(peerId)
  }

  connections(): Connection[] {
    return [...this.#byPeer.values()].flatMap((connections) => [...connections])
  }

  abort(peerId: string, why: Error): void {
    for (const connection of this.#byPeer.get(peerId) ?? []) connection.abort(why)
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #add(connection: Connection): void {
    const peerId = connection.remotePeer.toString()
    const connections = this.#byPeer.get(peerId)
    if (connections !== undefined) connections.add(connection)
    else {
      this.#byPeer.set(peerId, new Set([connection]))
      this.#tell(peerId, true)
    }
  }

  #remove(connection: Connection): void {
    const peerId = connection.remotePeer.toString()
    const connections = this.#byPeer.get(peerId)
    if (connections?.delete(connection) !== true || connections.size > 0) return
    this.#byPeer.delete(peerId)
    this.#tell(peerId, false)
  }

  #tell(peerId: string, isUp: boolean): void {
    for (const listener of this.#listeners) listener(peerId, isUp)
  }
}
