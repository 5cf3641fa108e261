/**
 * Whom a stream is opened to, a peer id or an address that names one, and what it means when that fails.
 */
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { DfsError } from '../errors.ts'

/** The peer id, as libp2p writes it. Fails with `invalid`. */
export function peerIdOf(target: string): string {
  try {
    if (!target.startsWith('/')) return peerIdFromString(target).toString()
    const peerId = multiaddr(target)
      .getComponents()
      .findLast(({ name }) => name === 'p2p')?.value
    if (peerId !== undefined) return peerId
  } catch (cause) {
    throw new DfsError('invalid', 'is neither a peer id nor an address', { op: 'open stream', subject: target, cause })
  }
  throw new DfsError('invalid', 'the address does not name its peer id', { op: 'open stream', subject: target })
}

export function openError(cause: unknown, peerId: string, signal: AbortSignal): DfsError {
  if (cause instanceof DfsError) return cause
  const { name, message } = cause as Error
  const options = { op: 'open stream', subject: peerId, cause }
  if (signal.aborted) {
    const isLate = (signal.reason as Error | undefined)?.name === 'TimeoutError'
    return isLate
      ? new DfsError('timeout', 'did not answer in time', options)
      : new DfsError('aborted', 'given up', options)
  }
  if (name === 'UnsupportedProtocolError') return new DfsError('unsupported', 'does not speak this protocol', options)
  return new DfsError('unreachable', `cannot be reached: ${message}`, options)
}
