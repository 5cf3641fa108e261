/**
 * A certificate for the direct carrier: X.509 v3, self-signed, Ed25519, with a key that lives as long as the process.
 *
 * It says nothing by itself: who it belongs to is told by its fingerprint, which crosses the authenticated stream.
 * Encoded by hand in DER (RFC 5280, RFC 8410), for it is always the same few fields.
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

export interface Certificate {
  /** PKCS #8, PEM. */
  readonly key: string
  /** PEM. */
  readonly cert: string
  /** SHA-256 of the certificate's DER, 32 bytes. */
  readonly fingerprint: Buffer
}

const SEQUENCE = 0x30
const SET = 0x31
const INTEGER = 0x02
const BIT_STRING = 0x03
const UTF8_STRING = 0x0c
const GENERALIZED_TIME = 0x18
const VERSION = 0xa0
const ED25519 = der(SEQUENCE, Buffer.from('06032b6570', 'hex'))
const COMMON_NAME = Buffer.from('0603550403', 'hex')
const NO_UNUSED_BITS = Buffer.of(0)

export function newCertificate(): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from('dfs')))))
  const time = (text: string) => der(GENERALIZED_TIME, Buffer.from(text))
  const body = der(
    SEQUENCE,
    der(VERSION, der(INTEGER, Buffer.of(2))),
    // Positive, and never the same for two certificates.
    der(INTEGER, Buffer.concat([Buffer.of(1), randomBytes(15)])),
    ED25519,
    name,
    // The clock has no say: the fingerprint was agreed on a moment ago.
    der(SEQUENCE, time('20000101000000Z'), time('99991231235959Z')),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  )
  const signature = sign(null, body, privateKey)
  const whole = der(SEQUENCE, body, ED25519, der(BIT_STRING, NO_UNUSED_BITS, signature))
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: `-----BEGIN CERTIFICATE-----\n${whole.toString('base64')}\n-----END CERTIFICATE-----\n`,
    fingerprint: fingerprintOf(whole),
  }
}

/** `certificate`: DER. */
export function fingerprintOf(certificate: Uint8Array): Buffer {
  return createHash('sha256').update(certificate).digest()
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(head), content])
}
