import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Cursor, SyncMessageBody } from '../../../src/format/sync-message.ts'
import { type Action, type Input, type Link, NEW_LINK, step, type View } from '../../../src/sync/exchange.ts'

const OWN = 'own'
const THEIRS = 'theirs'
const at = (sequence: number, indexId = OWN): Cursor => ({ indexId, sequence })

/** A device whose index is at number 100, and that has 10 of the other's. */
class Side {
  link: Link = NEW_LINK
  own = at(100)
  cursor: Cursor | undefined = at(10, THEIRS)
  former: Cursor[] = [at(50, 'former')]
  lost: string[] = []

  step(input: Input): readonly Action[] {
    const view: View = {
      own: this.own,
      cursor: this.cursor,
      hasBeen: ({ indexId, sequence }) =>
        [...this.former, this.own].some((one) => one.indexId === indexId && sequence <= one.sequence),
      hasLost: ({ indexId }) => this.lost.includes(indexId),
    }
    const { link, actions } = step(this.link, input, view)
    this.link = link
    return actions
  }

  hear(message: SyncMessageBody): readonly Action[] {
    return this.step({ kind: 'message', message })
  }

  /** The other has what it says of this index. */
  hearHello(known: Cursor | undefined, wantsAnswer = false): readonly Action[] {
    return this.hear({ kind: 'hello', own: at(20, THEIRS), known, wantsAnswer })
  }

  hearEntries(after: Cursor, upTo: Cursor, to = OWN): readonly Action[] {
    return this.hear({ kind: 'entries', to, after, upTo, entries: [] })
  }

  read(upTo: number): readonly Action[] {
    return this.step({ kind: 'read', after: this.link.sent!, entries: [], upTo })
  }
}

const hello = (wantsAnswer: boolean): Action => ({
  kind: 'send',
  message: { kind: 'hello', own: at(100), known: at(10, THEIRS), wantsAnswer },
})
const sent = (after: Cursor, upTo: Cursor): Action => ({
  kind: 'send',
  message: { kind: 'entries', to: THEIRS, after, upTo, entries: [] },
})

describe('a link between two devices', () => {
  it('begins with what each has of the other', () => {
    const side = new Side()
    assert.deepEqual(side.step({ kind: 'connected' }), [hello(true)])
    assert.deepEqual(side.hearHello(at(100), true), [hello(false)])
    assert.deepEqual(side.hearHello(at(100)), [])
  })

  it('sends what changed since then, and goes on when more changes', () => {
    const side = new Side()
    assert.deepEqual(side.hearHello(at(90)), [{ kind: 'read', after: at(90) }])
    assert.deepEqual(side.read(100), [sent(at(90), at(100))])
    side.own = at(101)
    assert.deepEqual(side.step({ kind: 'changed' }), [{ kind: 'read', after: at(100) }])
  })

  it('goes on from what the other had of an earlier run', () => {
    const side = new Side()
    side.hearHello(at(50, 'former'))
    assert.deepEqual(side.read(60), [sent(at(50, 'former'), at(60)), { kind: 'read', after: at(60) }])
  })

  it('sends everything to one who has nothing of it', () => {
    assert.deepEqual(new Side().hearHello(undefined), [{ kind: 'read', after: at(0) }])
  })

  it('has no more than four batches on their way', () => {
    const side = new Side()
    side.hearHello(at(0))
    for (const upTo of [10, 20, 30]) assert.equal(side.read(upTo).length, 2)
    assert.deepEqual(side.read(40), [sent(at(30), at(40))])
    assert.deepEqual(side.hear({ kind: 'kept', upTo: at(20) }), [{ kind: 'read', after: at(40) }])
  })

  it('asks what the other has when nothing is kept in time, and goes on from there', () => {
    const side = new Side()
    side.hearHello(at(0))
    for (const upTo of [10, 20, 30, 40]) side.read(upTo)
    side.hear({ kind: 'kept', upTo: at(10) })
    side.read(50)
    assert.deepEqual(side.step({ kind: 'idle' }), [hello(true)])
    assert.deepEqual(side.hearHello(at(10)), [{ kind: 'read', after: at(10) }])
    assert.deepEqual(new Side().step({ kind: 'idle' }), [hello(true)])
  })

  it('finds out that the other has more than it said, where that was late', () => {
    const side = new Side()
    side.hearHello(at(0))
    for (const upTo of [10, 20, 30, 40]) side.read(upTo)
    // Beyond all that was sent: it could be of a former connection, and the other set back since.
    assert.deepEqual(side.hear({ kind: 'kept', upTo: at(90) }), [])
    assert.deepEqual(side.step({ kind: 'idle' }), [hello(true)])
    assert.deepEqual(side.hearHello(at(90)), [{ kind: 'read', after: at(90) }])
  })

  it('leaves out what was read for nothing, when the other says hello again meanwhile', () => {
    const side = new Side()
    side.hearHello(at(0))
    side.hearHello(at(95))
    const read = { kind: 'read', after: at(0), entries: [], upTo: 10 } as const
    assert.deepEqual(side.step(read), [{ kind: 'read', after: at(95) }])
  })

  it('keeps what comes in its order, and says so once it is kept', () => {
    const side = new Side()
    side.hearHello(at(100))
    const merge = { kind: 'merge', entries: [], cursor: at(15, THEIRS) }
    assert.deepEqual(side.hearEntries(at(10, THEIRS), at(15, THEIRS)), [merge])
    side.cursor = at(15, THEIRS)
    assert.deepEqual(side.step({ kind: 'kept' }), [{ kind: 'send', message: { kind: 'kept', upTo: at(15, THEIRS) } }])
  })

  it('does not move its cursor over a gap, and says what it has', () => {
    const side = new Side()
    side.hearHello(at(100))
    const has = { kind: 'send', message: { kind: 'kept', upTo: at(10, THEIRS) } }
    assert.deepEqual(side.hearEntries(at(12, THEIRS), at(15, THEIRS)), [has])
  })

  it('merges again what came before, and does not move its cursor back', () => {
    const side = new Side()
    side.hearHello(at(100))
    const merge = { kind: 'merge', entries: [], cursor: undefined }
    assert.deepEqual(side.hearEntries(at(0, THEIRS), at(5, THEIRS)), [merge])
  })

  it('asks who it is if entries are of another run of the index', () => {
    const side = new Side()
    side.hearHello(at(100))
    assert.deepEqual(side.hearEntries(at(0, 'other'), at(500, 'other')), [hello(true)])
  })

  it('asks who it is if entries are for another run of its own index', () => {
    const side = new Side()
    side.hearHello(at(100))
    assert.deepEqual(side.hearEntries(at(10, THEIRS), at(15, THEIRS), 'former'), [hello(true)])
  })

  it('does not send the other what came from it, and lets it count that', () => {
    const side = new Side()
    side.hearHello(at(100))
    side.own = at(120)
    side.step({ kind: 'kept', common: [{ after: 105, upTo: 110 }] })
    side.step({ kind: 'kept', common: [{ after: 110, upTo: 115 }] })
    const read = (after: number, upTo: number): Action => ({ kind: 'read', after: at(100), within: { after, upTo } })
    assert.deepEqual(side.step({ kind: 'changed' }), [read(100, 105)])
    const rest = { kind: 'read', after: at(105), within: { after: 115, upTo: 120 } }
    assert.deepEqual(side.read(105), [sent(at(100), at(105)), rest])
    side.step({ kind: 'kept', common: [{ after: 115, upTo: 118 }] })
    side.read(120)
    side.own = at(130)
    side.step({ kind: 'kept', common: [{ after: 120, upTo: 130 }] })
    assert.deepEqual(side.step({ kind: 'changed' }), [sent(at(120), at(130))])
  })

  it('sends another run of the other what came from the one before', () => {
    const side = new Side()
    side.hearHello(at(100))
    side.own = at(110)
    side.step({ kind: 'kept', common: [{ after: 100, upTo: 110 }] })
    const again = { kind: 'hello', own: at(5, 'again'), known: at(100), wantsAnswer: false } as const
    assert.deepEqual(side.hear(again), [{ kind: 'read', after: at(100) }])
  })

  it('begins anew if the other knows more of it than it does, once', () => {
    for (const known of [at(101), at(7, 'unheard of'), at(51, 'former')]) {
      const side = new Side()
      assert.deepEqual(side.hearHello(known), [{ kind: 'begin-anew', lost: known }])
      side.lost.push(known.indexId)
      assert.deepEqual(side.hearHello(known), [{ kind: 'read', after: at(0) }])
    }
  })
})
