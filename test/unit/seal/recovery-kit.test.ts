import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeBase32 } from '../../../src/bytes/base32.ts'
import { newPersonalKey } from '../../../src/seal/keys.ts'
import { formatKit, parseKit } from '../../../src/seal/recovery-kit.ts'

const personalKey = Buffer.alloc(32, 0x5a)
const words = (formatKit({ personalKey }).match(/\d+ [a-z]+/g) ?? []).map((cell) => cell.split(' ')[1]!)

test('a kit gives back what it was made of', () => {
  const key = newPersonalKey()
  const kit = {
    personalKey: key,
    networkId: 'n3tw0rk',
    addresses: ['/ip4/192.0.2.1/tcp/8080/p2p/12D3', '/dns4/example.org/tcp/1'],
  }
  assert.deepEqual(parseKit(formatKit(kit)), { ...kit, older: [] })
  assert.deepEqual(parseKit(formatKit({ personalKey: key })), {
    personalKey: key,
    older: [],
    networkId: undefined,
    addresses: [],
  })
})

test('a kit of a later epoch brings the keys of the earlier ones, sealed', () => {
  const older = [newPersonalKey(), newPersonalKey()].map((personalKey, epoch) => ({ personalKey, epoch }))
  const kit = formatKit({ personalKey, older, networkId: 'abc' })
  assert.deepEqual(parseKit(kit).older, older)
  assert.deepEqual(parseKit(kit.toUpperCase().replaceAll(/[A-Z2-7]{10}(?=[A-Z2-7]{10})/g, '$& ')).older, older)
  for (const one of older) assert(!kit.includes(encodeBase32(one.personalKey)))
})

test('a kit of a later epoch is of no use without its lines, or with wrong ones', () => {
  const older = [newPersonalKey(), newPersonalKey()].map((personalKey, epoch) => ({ personalKey, epoch }))
  const lines = formatKit({ personalKey, older }).split('\n')
  const without = (start: string) => lines.filter((line) => !line.startsWith(start)).join('\n')
  for (const start of ['older 0', 'older 1']) {
    const missing = { kind: 'invalid', message: new RegExp(`the line "${start}" is missing`), mend: /dfs invite/ }
    assert.throws(() => parseKit(without(start)), missing)
  }
  assert.throws(() => parseKit(without('epoch')), { kind: 'invalid', message: /the line "epoch" is missing/ })
  const wrong = lines.map((line) =>
    line.startsWith('older 1') ? line.replace(/.$/, (last) => (last === 'a' ? 'q' : 'a')) : line,
  )
  assert.throws(() => parseKit(wrong.join('\n')), { kind: 'invalid', message: /the line "older 1" does not fit/ })
  const fewer = lines.map((line) => (line.startsWith('epoch') ? 'epoch: 99999999999' : line))
  assert.throws(() => parseKit(fewer.join('\n')), { kind: 'invalid' })
})

test('a kit has 24 words of the BIP-39 list', () => {
  // The vector of 32 zero bytes of the BIP's own test set.
  assert.equal(words.length, 24)
  assert.deepEqual(parseKit(`${'abandon '.repeat(23)}art`).personalKey, Buffer.alloc(32))
})

test('case, layout, numbers, punctuation and cut words are forgiven', () => {
  assert.deepEqual(parseKit(words.join('\n').toUpperCase()).personalKey, personalKey)
  assert.deepEqual(parseKit(words.map((word, i) => `${i + 1}.${word},`).join('\t')).personalKey, personalKey)
  assert.deepEqual(parseKit(`  ${words.map((word) => word.slice(0, 4)).join(' ')}\r\n`).personalKey, personalKey)
  assert.deepEqual(parseKit(`# my kit\r\n${words.join(' ')}\r\nNetwork :  abc \r\n`).networkId, 'abc')
})

test('what was said around a printed kit is no part of it', () => {
  const kit = formatKit({ personalKey, networkId: 'abc' })
  const said = `Made your home: /home/me/.dfs\ndevice 12D3Koo\n\n${kit}\nThis is your recovery kit.\n`
  const { networkId, personalKey: read } = parseKit(said)
  assert.deepEqual({ networkId, read }, { networkId: 'abc', read: personalKey })
  const narrow = said.replaceAll(/ {3}(?=\d)/g, '\r\n').replace(/(?<=\d) (?=[a-z])/, '\n')
  assert.deepEqual(parseKit(narrow).personalKey, personalKey)
  assert.deepEqual(parseKit(`# dfs recovery kit\n${words.join(' ')}`).personalKey, personalKey)
})

test('the words network and address are words', () => {
  assert.throws(() => parseKit('network address'), { message: /here are 2/ })
})

test('the wrong word is named, with the nearest right one', () => {
  const typed = words.with(6, 'abandn')
  assert.throws(() => parseKit(typed.join(' ')), { kind: 'invalid', message: /word 7, "abandn", .*"abandon"/ })
})

test('a missing word is counted', () => {
  assert.throws(() => parseKit(words.slice(1).join(' ')), { kind: 'invalid', message: /24 words; here are 23/ })
  assert.throws(() => parseKit(''), { kind: 'invalid', message: /here are 0/ })
})

test('a word taken for another, or two that changed places, fail the checksum', () => {
  const other = words[0] === 'zoo' ? 'zone' : 'zoo'
  let refused = 0
  for (const position of words.keys()) {
    try {
      parseKit(words.with(position, other).join(' '))
    } catch (error) {
      assert.match((error as Error).message, /do not belong together/)
      refused++
    }
  }
  // The checksum has 8 bits.
  assert.ok(refused >= 22)
})

test('text that is no kit at all is refused at once', () => {
  assert.throws(() => parseKit('x'.repeat(1_000_000)), { kind: 'invalid', message: /word 1, "x{1,16}"/ })
})
