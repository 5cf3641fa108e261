import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decodeAttributes,
  decodeObjectKey,
  decodeReferences,
  encodeAttributes,
  encodeObjectKey,
  encodeReferences,
} from '../../../src/format/index-entry.ts'
import { anyCid, anyFileId, anyMeta, anyObject, anyTimeNs, anyU53, assertRefusesDamage } from './arbitraries.ts'
import { testVectors } from './vectors.ts'

testVectors('index-entry', {
  key: { decode: decodeObjectKey, encode: encodeObjectKey },
  attributes: { decode: decodeAttributes, encode: encodeAttributes },
  references: { decode: decodeReferences, encode: encodeReferences },
})

const anyKey = anyObject({ dev: anyU53, ino: anyU53, btimeNs: anyTimeNs })
const anyAttributes = anyObject({
  ctimeNs: anyTimeNs,
  fileId: anyFileId,
  sequence: anyU53,
  meta: anyMeta,
  allocatedBytes: anyU53,
})
const anyReferences = anyObject({
  data: fc.array(anyCid, { maxLength: 20 }),
  nodes: fc.array(anyCid, { maxLength: 20 }),
})

test('index entry: any key, attributes and references come back', () => {
  fc.assert(
    fc.property(anyKey, anyAttributes, anyReferences, (key, attributes, references) => {
      assert.deepEqual(decodeObjectKey(encodeObjectKey(key)), key)
      assert.deepEqual(decodeAttributes(encodeAttributes(attributes)), attributes)
      assert.deepEqual(decodeReferences(encodeReferences(references)), references)
    }),
  )
})

test('index entry: damaged entries are refused or read, never worse', () => {
  assertRefusesDamage(anyKey.map(encodeObjectKey), decodeObjectKey)
  assertRefusesDamage(anyAttributes.map(encodeAttributes), decodeAttributes)
  assertRefusesDamage(anyReferences.map(encodeReferences), decodeReferences)
})
