import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { kindOf } from '../../../src/errors.ts'
import {
  decodeSyncEntry,
  encodeSyncEntry,
  ROOT_ID,
  type SyncContent,
  type SyncEntry,
} from '../../../src/format/sync-entry.ts'
import {
  createEntry,
  type Stamp,
  withAttributes,
  withContent,
  withMtime,
  withoutLife,
  withPlaces,
} from '../../../src/sync/entry-change.ts'
import { isAlive, mergeEntries } from '../../../src/sync/entry-merge.ts'

const ID = '0f'.repeat(16)
const WRITERS = ['0a', '0b', '0c'].map((byte) => byte.repeat(16))
const ATTRIBUTES = { mode: 0o644, uid: 1, gid: 2, xattrs: [] }

/** On one of three devices: a change, or hearing of what another has. */
interface Step {
  readonly device: number
  readonly what: 'write' | 'move' | 'describe' | 'touch' | 'delete' | 'hear'
  readonly value: number
}

const anySteps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    device: fc.nat(2),
    what: fc.constantFrom<Step['what'][]>('write', 'write', 'move', 'describe', 'touch', 'delete', 'hear', 'hear'),
    value: fc.nat(5),
  }),
  { maxLength: 20 },
)

/** All states that an object was in, on any device. */
function statesAfter(steps: readonly Step[]): SyncEntry[] {
  let counter = 1
  const first = createEntry(
    {
      id: ID,
      kind: 'file',
      place: { parent: ROOT_ID, name: 'a' },
      content: holding(0),
      mtimeNs: 0n,
      attributes: ATTRIBUTES,
    },
    { dot: { writer: WRITERS[0]!, counter }, nowMs: 1000 },
  )
  const devices = [first, first, first]
  const states = [first]
  for (const { device, what, value } of steps) {
    // Clocks that are far off, and stand still.
    const stamp = { dot: { writer: WRITERS[device]!, counter: ++counter }, nowMs: device * 1000 }
    const other = devices[value % 3]!
    devices[device] = what === 'hear' ? merged(devices[device]!, other) : changed(devices[device]!, what, value, stamp)
    states.push(devices[device])
  }
  return states
}

function changed(entry: SyncEntry, what: Step['what'], value: number, stamp: Stamp): SyncEntry {
  switch (what) {
    case 'move':
      return withPlaces(entry, [{ parent: ROOT_ID, name: `${value}` }], stamp)
    case 'describe':
      return withAttributes(entry, { ...ATTRIBUTES, mode: value }, stamp)
    case 'touch':
      return withMtime(entry, BigInt(value), stamp)
    case 'delete':
      return withoutLife(entry, stamp)
    default:
      return withContent(entry, holding(value), stamp)
  }
}

function holding(value: number): SyncContent {
  return { kind: 'file', size: 1, content: { kind: 'inline', bytes: Buffer.from([value]) } }
}

function merged(a: SyncEntry, b: SyncEntry): SyncEntry {
  return mergeEntries(a, b).entry
}

function assertSame(a: SyncEntry, b: SyncEntry): void {
  assert.equal(encodeSyncEntry(a).toString('hex'), encodeSyncEntry(b).toString('hex'))
}

describe('entries of one object', () => {
  it('merge to one, whichever comes first, however often, and with what others', () => {
    fc.assert(
      fc.property(anySteps, fc.nat(), fc.nat(), fc.nat(), (steps, ...picks) => {
        const states = statesAfter(steps)
        const [a, b, c] = picks.map((pick) => states[pick % states.length]!) as [SyncEntry, SyncEntry, SyncEntry]
        assertSame(merged(a, b), merged(b, a))
        assertSame(merged(a, a), a)
        assertSame(merged(merged(a, b), b), merged(a, b))
        assertSame(merged(merged(a, b), c), merged(a, merged(b, c)))
      }),
      { numRuns: 1000 },
    )
  })

  it('are of a form that can be sent, as are their copies', () => {
    fc.assert(
      fc.property(anySteps, fc.nat(), fc.nat(), (steps, ...picks) => {
        const states = statesAfter(steps)
        const [a, b] = picks.map((pick) => states[pick % states.length]!) as [SyncEntry, SyncEntry]
        const { entry, copy } = mergeEntries(a, b)
        decodeSyncEntry(encodeSyncEntry(entry))
        if (copy !== undefined) decodeSyncEntry(encodeSyncEntry(copy))
        assert.equal(encodeSyncEntry(mergeEntries(b, a).copy ?? entry).equals(encodeSyncEntry(copy ?? entry)), true)
      }),
      { numRuns: 1000 },
    )
  })

  it('are alive exactly while somebody wrote what nobody deleted', () => {
    const [first] = statesAfter([])
    const stamp = (writer: number, counter: number) => ({ dot: { writer: WRITERS[writer]!, counter }, nowMs: 0 })
    const deleted = withoutLife(first!, stamp(0, 2))
    const written = withContent(first!, holding(1), stamp(1, 1))
    assert(!isAlive(deleted) && isAlive(merged(deleted, written)))
    const both = merged(deleted, written)
    assert(!isAlive(merged(both, withoutLife(both, stamp(2, 1)))))
    assert(isAlive(withContent(deleted, holding(2), stamp(0, 3))), 'it can be written again')
  })

  it('that cannot be of one object are refused', () => {
    const [first] = statesAfter([])
    const other = { ...first!, kind: 'directory' } as const
    assert.throws(
      () => mergeEntries(first!, other),
      (error) => kindOf(error) === 'corrupt',
    )
  })

  it('are from a later change than all that it knew, whatever the clock says', () => {
    const [first] = statesAfter([])
    for (const nowMs of [Number.MIN_SAFE_INTEGER, -1, 0, Number.MAX_SAFE_INTEGER]) {
      const written = withContent(first!, holding(1), { dot: { writer: WRITERS[1]!, counter: 1 }, nowMs })
      assertSame(merged(first!, decodeSyncEntry(encodeSyncEntry(written))), written)
      const again = withContent(written, holding(2), { dot: { writer: WRITERS[2]!, counter: 1 }, nowMs: 0 })
      assertSame(merged(written, again), again)
    }
  })
})
