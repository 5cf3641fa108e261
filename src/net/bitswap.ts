/**
 * A face for other IPFS nodes: answers `/ipfs/bitswap/1.2.0` from the local store, so that any of them can fetch dfs's
 * encrypted blocks by their CIDs. It asks nobody anything.
 *
 * Blocks are named by BLAKE3: Kubo knows that hash, a Helia node must be given it (`createHelia({ hashers: [blake3] })`).
 * Off by default, for it answers strangers. What one may have waiting is bounded; what is more is not answered.
 */
import type { Stream } from '@libp2p/interface'
import type { BlockReader } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import {
  type BitswapAnswer,
  type BitswapWant,
  decodeBitswapWants,
  decodeVarint,
  encodeBitswapAnswer,
  WANTLIST_BYTES_MAX,
} from '../format/bitswap-message.ts'
import { cidOfDigest } from '../format/cid.ts'
import { logger } from '../log.ts'
import { digestOf } from '../seal/hash.ts'
import type { DfsNode } from './node.ts'
import { StreamCarrier } from './stream-carrier.ts'

const log = logger('bitswap')
export const BITSWAP_PROTOCOL = '/ipfs/bitswap/1.2.0'
const WAITING_MAX = 1024
const PEERS_MAX = 64
const STREAMS_MAX = 64
/** Shorter than a stranger's connection may be idle. */
const IDLE_MS = 1_000

export interface BitswapOptions {
  readonly node: DfsNode
  readonly blocks: BlockReader
}

/** Answers until the node stops. */
export async function startBitswap({ node, blocks }: BitswapOptions): Promise<void> {
  const peers = new Map<string, Answerer>()
  await node.handle(
    BITSWAP_PROTOCOL,
    async (stream, peerId) => {
      let answerer = peers.get(peerId)
      if (answerer === undefined) {
        if (peers.size >= PEERS_MAX) throw new DfsError('busy', 'too many peers at a time', { op: 'bitswap' })
        answerer = new Answerer({ node, blocks }, peerId, () => peers.delete(peerId))
        peers.set(peerId, answerer)
      }
      await readWantlists(stream, (wants) => answerer.take(wants))
      answerer.leaveSoon()
    },
    { membersOnly: false, isPublic: true, streamsMax: STREAMS_MAX },
  )
}

/**
 * What one peer is sent: one answer after the other, on one stream of ours. Not on one for each answer: some peers never
 * end their side of it, and few may be open.
 */
class Answerer {
  readonly #options: BitswapOptions
  readonly #peerId: string
  readonly #onIdle: () => void
  /** By the text of the CID's bytes. */
  readonly #waiting = new Map<string, BitswapWant>()
  #carrier: StreamCarrier | undefined
  #isAnswering = false
  #leaving: NodeJS.Timeout | undefined

  constructor(options: BitswapOptions, peerId: string, onIdle: () => void) {
    this.#options = options
    this.#peerId = peerId
    this.#onIdle = onIdle
  }

  take(wants: readonly BitswapWant[]): void {
    for (const want of wants) {
      const key = want.cid.toString('latin1')
      this.#waiting.delete(key)
      if (!want.isCancel && this.#waiting.size < WAITING_MAX) this.#waiting.set(key, want)
    }
    void this.#answerAll()
  }

  /** Ends the stream, and the answerer, unless something is wanted within a while. */
  leaveSoon(): void {
    clearTimeout(this.#leaving)
    if (this.#isAnswering) return
    this.#leaving = setTimeout(() => {
      this.#onIdle()
      this.#carrier?.close().catch(() => {})
      // A stream of the peer's may still be open, and ask for more.
      this.#carrier = undefined
    }, IDLE_MS).unref()
  }

  /** Until nothing is waiting. */
  async #answerAll(): Promise<void> {
    if (this.#isAnswering) return
    this.#isAnswering = true
    clearTimeout(this.#leaving)
    try {
      if (this.#waiting.size > 0) this.#carrier ??= await this.#open()
      for (const [key, want] of this.#waiting) {
        this.#waiting.delete(key)
        const answer = await this.#answerTo(want)
        if (answer === undefined) continue
        this.#carrier?.write([encodeBitswapAnswer(answer)])
        await this.#carrier?.drained()
      }
    } catch (error) {
      log('%s: %s', this.#peerId, error)
      this.#waiting.clear()
    } finally {
      this.#isAnswering = false
      this.leaveSoon()
    }
  }

  async #open(): Promise<StreamCarrier> {
    const carrier = new StreamCarrier(
      await this.#options.node.open(this.#peerId, BITSWAP_PROTOCOL, { membersOnly: false }),
    )
    const onGone = () => {
      if (this.#carrier !== carrier) return
      this.#waiting.clear()
      this.#carrier = undefined
    }
    carrier.start({ onBytes: () => {}, onEnd: () => {}, onGone })
    return carrier
  }

  async #answerTo({ cid, digest, isHave, sendDontHave }: BitswapWant): Promise<BitswapAnswer | undefined> {
    const { blocks } = this.#options
    const name = digest === undefined ? undefined : cidOfDigest(digest)
    if (name !== undefined && isHave && blocks.has(name)) return { kind: 'have', cid }
    const bytes = name === undefined || isHave ? undefined : await blocks.read(name)
    if (bytes !== undefined && digestOf(bytes).equals(digest!)) return { kind: 'block', bytes }
    return sendDontHave ? { kind: 'dont-have', cid } : undefined
  }
}

/** Reads messages until the peer sends no more. Fails with `invalid`, `corrupt` on what is none. */
function readWantlists(stream: Stream, onWants: (wants: BitswapWant[]) => void): Promise<void> {
  const carrier = new StreamCarrier(stream)
  let pieces: Uint8Array[] = []
  let have = 0
  /** With fewer bytes there is nothing to do, so that small pieces are not put together again and again. */
  let needed = 1
  const take = (bytes: Uint8Array) => {
    pieces.push(bytes)
    have += bytes.length
    if (have < needed) return
    let rest = Buffer.concat(pieces)
    needed = 0
    for (let length = decodeVarint(rest); length !== undefined; length = decodeVarint(rest)) {
      if (length.value > WANTLIST_BYTES_MAX)
        throw new DfsError('invalid', 'the wantlist is too long', { op: 'bitswap' })
      const end = length.end + length.value
      needed = end
      if (rest.length < end) break
      onWants(decodeBitswapWants(rest.subarray(length.end, end)))
      rest = rest.subarray(end)
      needed = 0
    }
    pieces = [rest]
    have = rest.length
    needed = Math.max(needed, have + 1)
  }
  return new Promise((resolve, reject) => {
    carrier.start({
      onBytes: (bytes) => {
        try {
          take(bytes)
        } catch (error) {
          carrier.abort(error as Error)
          reject(error)
        }
      },
      onEnd: () => {
        resolve()
        carrier.close().catch(() => {})
      },
      onGone: () => resolve(),
    })
  })
}
