/**
 * The direct carrier: a TLS 1.3 socket of Node's own beside the stream, several times faster, where two devices can
 * reach each other.
 *
 * Both sides show a certificate whose fingerprint the other knows from the authenticated stream, so the socket belongs
 * to the same two devices. Who comes with any other certificate, or without having been announced, is hung up on.
 */
import { timingSafeEqual } from 'node:crypto'
import type { AddressInfo, OnReadOpts } from 'node:net'
import tls from 'node:tls'
import { DfsError } from '../../errors.ts'
import { MESSAGE_BYTES_MAX } from '../../format/message.ts'
import { type Certificate, fingerprintOf, newCertificate } from '../../seal/certificate.ts'
import { type FrameChannel, socketChannel } from '../framing.ts'
import { SocketReading } from '../socket-carrier.ts'
import { log } from './log.ts'

export interface DirectCarrierOptions {
  /** Addresses to listen on, as `host`; the port is any free one. */
  readonly hosts: readonly string[]
  /** A peer has connected. */
  onChannel(channel: FrameChannel, peerId: string): void
}

export interface DirectPlace {
  readonly host: string
  readonly port: number
  /** SHA-256 of the certificate that is expected there. */
  readonly fingerprint: Buffer
}

const CONNECTIONS_MAX = 256
const ANNOUNCED_MAX = 256
const HANDSHAKE_MS = 5000

export class DirectCarrier {
  readonly #certificate: Certificate
  readonly #servers: tls.Server[] = []
  readonly #sockets = new Set<tls.TLSSocket>()
  /** Fingerprints of those who are about to connect, as hex. */
  readonly #announced = new Map<string, string>()
  readonly #onChannel: DirectCarrierOptions['onChannel']
  #port = 0

  private constructor(onChannel: DirectCarrierOptions['onChannel']) {
    this.#certificate = newCertificate()
    this.#onChannel = onChannel
  }

  /** Listens. Where nothing can be listened on, `port` is 0 and nothing else is different. */
  static async listen({ hosts, onChannel }: DirectCarrierOptions): Promise<DirectCarrier> {
    const carrier = new DirectCarrier(onChannel)
    for (const host of hosts) await carrier.#listen(host).catch((error) => log('direct carrier on %s: %s', host, error))
    return carrier
  }

  /** The same on all hosts; 0 if there is none. */
  get port(): number {
    return this.#port
  }

  get fingerprint(): Buffer {
    return this.#certificate.fingerprint
  }

  /** From now on the peer may connect once with the certificate of this fingerprint. */
  announce(peerId: string, fingerprint: Buffer): void {
    this.#announced.set(fingerprint.toString('hex'), peerId)
    if (this.#announced.size > ANNOUNCED_MAX) this.#announced.delete(this.#announced.keys().next().value!)
  }

  /** Connects to a peer that has announced us. Fails with `unreachable`. */
  async connect({ host, port, fingerprint }: DirectPlace): Promise<FrameChannel> {
    const { key, cert } = this.#certificate
    const reading = new SocketReading()
    const options: tls.ConnectionOptions & { onread: OnReadOpts } = {
      ...TLS_OPTIONS,
      ...{ host, port, key, cert, onread: reading.onread },
      checkServerIdentity: () => undefined,
    }
    const socket = tls.connect(options)
    const tooLate = setTimeout(() => socket.destroy(new Error('no answer in time')), HANDSHAKE_MS)
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('secureConnect', resolve)
        socket.once('error', reject)
        socket.once('close', () => reject(new Error('hung up on')))
      })
    } catch (cause) {
      throw new DfsError('unreachable', 'the direct way is closed', {
        op: 'connect',
        subject: `${host}:${port}`,
        cause,
      })
    } finally {
      clearTimeout(tooLate)
    }
    if (!isShown(socket, fingerprint)) {
      socket.destroy()
      throw new DfsError('unreachable', 'somebody else answered', { op: 'connect', subject: `${host}:${port}` })
    }
    return this.#channelOf(socket, reading)
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }

  async #listen(host: string): Promise<void> {
    const { key, cert } = this.#certificate
    const server = tls.createServer({ key, cert, requestCert: true, handshakeTimeout: HANDSHAKE_MS, ...TLS_OPTIONS })
    server.maxConnections = CONNECTIONS_MAX
    server.on('connection', (socket) => {
      if (this.#announced.size === 0) socket.destroy()
    })
    server.on('secureConnection', (socket) => this.#accept(socket))
    server.on('tlsClientError', (error) => log('direct carrier: %s', error))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#port, host, resolve)
    })
    server.on('error', (error) => log('direct carrier: %s', error))
    this.#port = (server.address() as AddressInfo).port
    this.#servers.push(server)
  }

  #accept(socket: tls.TLSSocket): void {
    socket.on('error', (error) => log('direct carrier: %s', error))
    const shown = shownFingerprint(socket)?.toString('hex') ?? ''
    const peerId = this.#announced.get(shown)
    this.#announced.delete(shown)
    if (peerId === undefined) socket.destroy()
    else this.#onChannel(this.#channelOf(socket), peerId)
  }

  #channelOf(socket: tls.TLSSocket, reading?: SocketReading): FrameChannel {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    return socketChannel(socket, { bytesMax: MESSAGE_BYTES_MAX }, reading)
  }
}

const TLS_OPTIONS = {
  minVersion: 'TLSv1.3',
  // The certificates are checked by their fingerprints; no authority has a say.
  rejectUnauthorized: false,
  ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
} as const

function shownFingerprint(socket: tls.TLSSocket): Buffer | undefined {
  const { raw } = socket.getPeerCertificate()
  return raw === undefined ? undefined : fingerprintOf(raw)
}

function isShown(socket: tls.TLSSocket, fingerprint: Buffer): boolean {
  const shown = shownFingerprint(socket)
  return shown !== undefined && timingSafeEqual(shown, fingerprint)
}
