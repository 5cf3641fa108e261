import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type AgedVersion, expiredVersions } from '../../../src/vfs/version-thinning.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const WEEK = 7 * DAY
const KEEP = 30 * DAY
/** Some moment on the wall clock at the beginning of a day; running time is counted from it. */
const EPOCH = 20_000 * DAY

/** A version made after so much running time, with a clock that goes right. */
function at(firstSeenMs: number, timeMs = EPOCH + firstSeenMs): AgedVersion {
  return { firstSeenMs, timeMs }
}

function everyOf(stepMs: number, untilMs: number): AgedVersion[] {
  return Array.from({ length: Math.floor(untilMs / stepMs) + 1 }, (_, i) => at(i * stepMs))
}

function left(versions: AgedVersion[], nowMs: number, keepMs = KEEP): AgedVersion[] {
  const expired = new Set(expiredVersions(versions, { nowMs, keepMs }))
  return versions.filter((version) => !expired.has(version))
}

const anyVersion = fc.record({
  firstSeenMs: fc.nat(40 * DAY),
  timeMs: fc.oneof(
    fc.nat(40 * DAY).map((ms) => EPOCH + ms),
    fc.nat(2 * HOUR).map((ms) => EPOCH + ms),
  ),
})
const anyVersions = fc.array(anyVersion, { maxLength: 60 })
const anyNow = fc.nat(45 * DAY)

describe('expiredVersions', () => {
  it('keeps everything for an hour', () => {
    assert.deepEqual(expiredVersions(everyOf(MINUTE, HOUR - 1), { nowMs: HOUR - 1, keepMs: KEEP }), [])
  })

  it('keeps one an hour for a day, the newest of each', () => {
    const kept = left(everyOf(MINUTE, 5 * HOUR - 1), 6 * HOUR)
    assert.deepEqual(
      kept.map(({ firstSeenMs }) => firstSeenMs),
      [1, 2, 3, 4, 5].map((hour) => hour * HOUR - MINUTE),
    )
  })

  it('keeps one a day after that, the newest of each', () => {
    const kept = left(everyOf(HOUR, 3 * DAY - 1), 5 * DAY)
    assert.deepEqual(
      kept.map(({ firstSeenMs }) => firstSeenMs),
      [1, 2, 3].map((day) => day * DAY - HOUR),
    )
  })

  it('keeps one a week after thirty days, the newest of each', () => {
    const weeks = 8
    const monday = Math.ceil(EPOCH / WEEK) * WEEK
    const made = everyOf(DAY, weeks * WEEK - 1).map(({ firstSeenMs }) => at(firstSeenMs, monday + firstSeenMs))
    const kept = left(made, weeks * WEEK + 30 * DAY, 365 * DAY)
    assert.deepEqual(
      kept.map(({ firstSeenMs }) => firstSeenMs),
      Array.from({ length: weeks }, (_, week) => (week + 1) * WEEK - DAY),
    )
  })

  it('lets all go at the age at which they are too old', () => {
    assert.deepEqual(left([at(0), at(DAY)], KEEP - 1), [at(0), at(DAY)])
    assert.deepEqual(left([at(0), at(DAY)], KEEP), [at(DAY)])
    assert.deepEqual(left([at(0), at(DAY)], 0, 0), [])
  })

  it('keeps apart by their names what was first seen at one moment', () => {
    const found = [0, 1, 2].map((day) => at(DAY, EPOCH + day * DAY))
    assert.deepEqual(left(found, 3 * DAY), found)
  })

  it('lets nothing go because of the wall clock alone', () => {
    const made = everyOf(DAY, 20 * DAY)
    const stopped = made.map(({ firstSeenMs }) => at(firstSeenMs, EPOCH))
    const backwards = made.map(({ firstSeenMs }) => at(firstSeenMs, EPOCH - firstSeenMs))
    assert.deepEqual(left(stopped, 25 * DAY), stopped)
    assert.deepEqual(left(backwards, 25 * DAY), backwards)
  })

  it('takes what was first seen later than now for new', () => {
    assert.deepEqual(left([at(9 * DAY), at(9 * DAY + 1)], DAY), [at(9 * DAY), at(9 * DAY + 1)])
  })

  it('never drops the newest before it is too old', () => {
    fc.assert(
      fc.property(anyVersions, anyNow, (versions, nowMs) => {
        const young = versions.filter(({ firstSeenMs }) => nowMs - firstSeenMs < KEEP)
        if (young.length === 0) return
        const newestMs = Math.max(...young.map(({ firstSeenMs }) => firstSeenMs))
        assert.ok(left(versions, nowMs).some(({ firstSeenMs }) => firstSeenMs === newestMs))
      }),
    )
  })

  it('has nothing to do the second time', () => {
    fc.assert(
      fc.property(anyVersions, anyNow, (versions, nowMs) => {
        assert.deepEqual(expiredVersions(left(versions, nowMs), { nowMs, keepMs: KEEP }), [])
      }),
    )
  })

  it('names each version once, in whatever order they come', () => {
    fc.assert(
      fc.property(anyVersions, anyNow, (versions, nowMs) => {
        const expired = expiredVersions(versions, { nowMs, keepMs: KEEP })
        assert.equal(new Set(expired).size, expired.length)
        const turned = expiredVersions([...versions].reverse(), { nowMs, keepMs: KEEP })
        assert.deepEqual(turned.map(nameOf).sort(), expired.map(nameOf).sort())
      }),
    )
  })

  it('never has a version go because the running time went back', () => {
    fc.assert(
      fc.property(anyVersions, anyNow, anyNow, (versions, one, other) => {
        const [earlier, later] = [Math.min(one, other), Math.max(one, other)]
        const seenLater = versions.map((version) => ({ ...version, firstSeenMs: version.firstSeenMs + later }))
        assert.deepEqual(expiredVersions(seenLater, { nowMs: earlier, keepMs: KEEP }), [])
      }),
    )
  })

  it('leaves no two of one day that are older than a day', () => {
    fc.assert(
      fc.property(anyVersions, anyNow, (versions, nowMs) => {
        const old = left(versions, nowMs).filter(({ firstSeenMs }) => nowMs - firstSeenMs >= DAY)
        const days = old.map(
          ({ firstSeenMs, timeMs }) => `${Math.floor(firstSeenMs / DAY)} ${Math.floor(timeMs / DAY)}`,
        )
        assert.equal(new Set(days).size, days.length)
      }),
    )
  })
})

function nameOf({ firstSeenMs, timeMs }: AgedVersion): string {
  return `${firstSeenMs} ${timeMs}`
}
