import assert from 'node:assert/strict'
import test from 'node:test'
import { Lru } from '../../../src/concurrency/lru.ts'

function lruOf(weightMax: number) {
  const left: [string, number][] = []
  const lru = new Lru<string, number>({ weightMax, weigh: (value) => value, onEvict: (...entry) => left.push(entry) })
  return { lru, left }
}

test('what was not used for longest leaves first', () => {
  const { lru, left } = lruOf(3)
  lru.set('a', 1)
  lru.set('b', 1)
  lru.set('c', 1)
  assert.equal(lru.get('a'), 1)
  lru.set('d', 1)
  assert.deepEqual(left, [['b', 1]])
  assert.deepEqual(
    [...lru.entries()].map(([key]) => key),
    ['c', 'a', 'd'],
  )
})

test('as many leave as the weight of a new entry takes', () => {
  const { lru, left } = lruOf(10)
  for (const key of ['a', 'b', 'c']) lru.set(key, 3)
  lru.set('d', 7)
  assert.deepEqual(left, [
    ['a', 3],
    ['b', 3],
  ])
  assert.equal(lru.weight, 10)
  assert.equal(lru.size, 2)
})

test('an entry heavier than all the room is not kept and pushes nobody out', () => {
  const { lru, left } = lruOf(10)
  lru.set('a', 3)
  lru.set('b', 11)
  assert.deepEqual(left, [['b', 11]])
  assert.equal(lru.get('a'), 3)
  assert.equal(lru.get('b'), undefined)
  assert.equal(lru.weight, 3)
})

test('a new value takes the place and the weight of the old one, which leaves', () => {
  const { lru, left } = lruOf(10)
  lru.set('a', 3)
  lru.set('a', 4)
  assert.deepEqual(left, [['a', 3]])
  assert.equal(lru.weight, 4)
  assert.equal(lru.size, 1)
})

test('setting the same value again is a use, and nothing leaves', () => {
  const { lru, left } = lruOf(4)
  lru.set('a', 2)
  lru.set('b', 2)
  lru.set('a', 2)
  lru.set('c', 2)
  assert.deepEqual(left, [['b', 2]])
  assert.equal(lru.weight, 4)
})

test('deleted and cleared entries leave', () => {
  const { lru, left } = lruOf(10)
  for (const key of ['a', 'b', 'c']) lru.set(key, 1)
  assert.equal(lru.delete('b'), true)
  assert.equal(lru.delete('b'), false)
  lru.clear()
  assert.deepEqual(
    left.map(([key]) => key),
    ['b', 'a', 'c'],
  )
  assert.equal(lru.weight, 0)
  assert.equal(lru.size, 0)
})
