/**
 * Holds and releases with their signatures: made by the device that holds or lets go, and verified before anything else
 * is asked of them.
 */
import { decodeHoldRecord, encodeHoldRecord, type HoldRecord, holdRecordBody } from '../../format/hold-record.ts'
import { type SigningKey, verifySignature } from '../../seal/signing.ts'

/** By kind: what is signed as a hold can be no release. */
const CONTEXTS: Record<HoldRecord['kind'], string> = {
  hold: 'dfs 2026-11 v1 hold',
  release: 'dfs 2026-11 v1 release of a hold',
}

/** The record's bytes, signed by `key`: the holder's for a hold, the signer's for a release. */
export function signHoldRecord(record: HoldRecord, key: SigningKey): Buffer {
  return encodeHoldRecord(record, key.sign(CONTEXTS[record.kind], holdRecordBody(record)))
}

/**
 * Reads a record whose signature holds; undefined if it does not. Whether its signer has a say, and whether it is of
 * this network, the caller asks. Fails with `corrupt`, `newer-version`.
 */
export function openHoldRecord(bytes: Buffer): HoldRecord | undefined {
  const { record, body, signature } = decodeHoldRecord(bytes)
  const signer = record.kind === 'hold' ? record.holder : record.signer
  return verifySignature(signer, CONTEXTS[record.kind], body, signature) ? record : undefined
}
