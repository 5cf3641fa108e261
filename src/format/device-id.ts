/**
 * The name of a device: its libp2p peer id, the base58btc text of the identity multihash of its public key
 * (libp2p specs, peer-ids: "Ed25519 keys ... must be encoded as identity multihash").
 */

export const PUBLIC_KEY_BYTES = 32

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** Multihash "identity" of 36 bytes, which are a protobuf: key type Ed25519, 32 bytes of key. */
const PEER_ID_PREFIX = Buffer.from([0x00, 0x24, 0x08, 0x01, 0x12, 0x20])
/** Of every device id: the prefix fixes the length. */
const TEXT_LENGTH = 52

/** The peer id of the device with this Ed25519 public key (32 bytes); begins with `12D3KooW`. */
export function deviceIdOf(publicKey: Buffer): string {
  return encodeBase58(Buffer.concat([PEER_ID_PREFIX, publicKey]))
}

/** The Ed25519 public key that a peer id holds; undefined if the text is no such peer id. */
export function publicKeyOf(deviceId: string): Buffer | undefined {
  if (deviceId.length !== TEXT_LENGTH) return undefined
  const bytes = decodeBase58(deviceId, PEER_ID_PREFIX.length + PUBLIC_KEY_BYTES)
  if (bytes === undefined || !bytes.subarray(0, PEER_ID_PREFIX.length).equals(PEER_ID_PREFIX)) return undefined
  return bytes.subarray(PEER_ID_PREFIX.length)
}

function encodeBase58(bytes: Buffer): string {
  const zeros = bytes.findIndex((byte) => byte !== 0)
  let text = ''
  for (let rest = BigInt(`0x${bytes.toString('hex')}`); rest > 0n; rest /= 58n)
    text = ALPHABET[Number(rest % 58n)] + text
  return ALPHABET[0]!.repeat(zeros) + text
}

/** Undefined unless the text is what `encodeBase58` writes for so many bytes. */
function decodeBase58(text: string, length: number): Buffer | undefined {
  let number = 0n
  for (const char of text) {
    const value = ALPHABET.indexOf(char)
    if (value < 0) return undefined
    number = number * 58n + BigInt(value)
  }
  const hex = number.toString(16).padStart(2 * length, '0')
  if (hex.length !== 2 * length) return undefined
  const bytes = Buffer.from(hex, 'hex')
  return encodeBase58(bytes) === text ? bytes : undefined
}
