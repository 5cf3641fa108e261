import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeKeysMessage, encodeKeysMessage } from '../../../src/format/keys-message.ts'
import { decodeMembersMessage, encodeMembersMessage } from '../../../src/format/members-message.ts'
import {
  decodeStatement,
  decodeStatementSet,
  encodeStatement,
  encodeStatementSet,
} from '../../../src/format/membership.ts'
import { fitName, NAME_BYTES_MAX } from '../../../src/format/name.ts'
import { decodePairingMessage, encodePairingMessage } from '../../../src/format/pairing-message.ts'
import { decodeTicket, encodeTicket, formatTicket, parseTicket } from '../../../src/format/ticket.ts'
import { Membership } from '../../../src/net/membership.ts'
import { privateNetworkOf } from '../../../src/net/vouching.ts'
import { digestOf } from '../../../src/seal/hash.ts'
import { assertRefusesDamage } from './arbitraries.ts'
import { type Coder, readVectors, refusalOf, revive, testVectors } from './vectors.ts'

const CODERS: Record<string, Coder> = {
  statement: {
    decode: (bytes) => {
      const { statement, signature } = decodeStatement(bytes)
      return { ...statement, signature }
    },
    encode: ({ signature, ...statement }) => encodeStatement(statement, signature),
  },
  set: { decode: decodeStatementSet, encode: encodeStatementSet },
  members: { decode: decodeMembersMessage, encode: encodeMembersMessage },
  pairing: { decode: decodePairingMessage, encode: encodePairingMessage },
  keys: { decode: decodeKeysMessage, encode: encodeKeysMessage },
  ticket: { decode: decodeTicket, encode: encodeTicket },
}

testVectors('membership', CODERS)

const { valid } = readVectors('membership')

for (const [what, { decode }] of Object.entries(CODERS)) {
  test(`membership: a damaged ${what} is refused or read, and left alone`, () => {
    const encodings = valid.filter((vector) => vector.what === what).map(({ hex }) => Buffer.from(hex!, 'hex'))
    assertRefusesDamage(fc.constantFrom(...encodings), (bytes) => decode(bytes, valid[0]!))
  })
}

test('membership: the statements of the vectors are signed, and count', () => {
  const personalKey = Buffer.from(Array.from({ length: 32 }, (_, i) => i))
  const named = (...names: string[]) =>
    names.map((name) => Buffer.from(valid.find((vector) => vector.name === name)!.hex!, 'hex'))
  const membership = new Membership(privateNetworkOf(personalKey), named('an owner', 'a device', 'a name beyond ASCII'))
  assert.deepEqual(
    membership.members().map(({ name }) => name),
    ['laptop', 'Téléphone'],
  )
  assert.equal(membership.merge(named('the next network key', 'the next owner key')).added.length, 2)
})

for (const { name, text, value } of valid.filter(({ what }) => what === 'ticket')) {
  test(`membership: ticket "${name}" is read from its text, however it was pasted`, () => {
    const ticket = revive(value)
    assert.equal(`${formatTicket(ticket as never, digestOf)}\n`, text)
    assert.deepEqual(parseTicket(text!, digestOf), ticket)
    assert.deepEqual(parseTicket(` ${text!.toUpperCase().replaceAll(/(.{20})/g, '$1\n')}`, digestOf), ticket)
    const typo = text!.replace(/.\n$/, (end) => (end.startsWith('a') ? 'b' : 'a'))
    for (const wrong of ['', 'dfs1', 'dfs2', typo, text!.slice(0, -9), 'dfs1'.repeat(5000), `${text}1`]) {
      assert.equal(refusalOf(() => parseTicket(wrong, digestOf))?.kind, 'invalid', wrong.slice(0, 20))
    }
  })
}

test('a name is made to fit, whatever it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      const name = fitName(text)
      assert.equal(fitName(name), name)
      assert(name.length > 0 && Buffer.byteLength(name) <= NAME_BYTES_MAX)
    }),
  )
  assert.equal(fitName('a\u001b[31m\u202eb\n'), 'a[31mb')
})
