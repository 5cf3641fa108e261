/**
 * The name of a device: its libp2p peer id, the base58btc text of the identity multihash of its public key
 * (libp2p specs, peer-ids: "Ed25519 keys ... must be encoded as identity multihash").
 */

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** Multihash "identity" of 36 bytes, which are a protobuf: key type Ed25519, 32 bytes of key. */
const PEER_ID_PREFIX = Buffer.from([0x00, 0x24, 0x08, 0x01, 0x12, 0x20])

/** The peer id of the device with this Ed25519 public key (32 bytes); begins with `12D3KooW`. */
export function deviceIdOf(publicKey: Buffer): string {
  return encodeBase58(Buffer.concat([PEER_ID_PREFIX, publicKey]))
}

function encodeBase58(bytes: Buffer): string {
  const zeros = bytes.findIndex((byte) => byte !== 0)
  let text = ''
  for (let rest = BigInt(`0x${bytes.toString('hex')}`); rest > 0n; rest /= 58n)
    text = ALPHABET[Number(rest % 58n)] + text
  return ALPHABET[0]!.repeat(zeros) + text
}
