import assert from 'node:assert/strict'
import test from 'node:test'
import { Session } from '../../../../src/cli/ui/session.ts'

const ME = 1000

test('the token is good once', () => {
  const session = new Session(7070, ME)
  const token = session.token!
  assert.match(token, /^[\w-]{43}$/)
  const cookie = session.exchange(token, ME)
  assert.match(cookie!, /^dfs-ui-7070=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
  assert.equal(session.exchange(token, ME), undefined)
  assert.equal(session.token, undefined)
})

test('a wrong token gets nothing, and leaves the right one as it is', () => {
  const session = new Session(7070, ME)
  for (const token of ['', 'x', session.token!.slice(1), `${session.token}x`])
    assert.equal(session.exchange(token, ME), undefined)
  assert.ok(session.exchange(session.token!, ME))
})

test('the cookie opens, among others too; nothing else does', () => {
  const session = new Session(7070, ME)
  const token = session.token!
  const cookie = session.exchange(token, ME)!.split(';')[0]!
  assert.equal(session.isOpenTo(cookie), true)
  assert.equal(session.isOpenTo(`a=b; ${cookie}; c=d`), true)
  const [, secret] = cookie.split('=')
  for (const wrong of [
    undefined,
    '',
    'dfs-ui-7070=',
    `dfs-ui-7071=${secret}`,
    `x${cookie}`,
    `${cookie}x`,
    `dfs-ui-7070=${token}`,
  ]) {
    assert.equal(session.isOpenTo(wrong), false, wrong)
  }
})

test('each run of the page has its own', () => {
  const [one, other] = [new Session(7070, ME), new Session(7070, ME)]
  assert.equal(other.exchange(one.token!, ME), undefined)
  assert.equal(other.isOpenTo(one.exchange(one.token!, ME)!.split(';')[0]), false)
})

test('a page belongs to who runs it', () => {
  const session = new Session(7070, ME)
  assert.ok(session.belongsTo(ME))
  for (const other of [0, 1001, 'nobody'] as const) assert.equal(session.belongsTo(other), false, String(other))
  assert.ok(session.belongsTo('unknown'), 'where users cannot be told apart, link and cookie have to do')
})

test("root's page belongs to whoever opens the link, and to nobody else from then on", () => {
  const session = new Session(7070, 0)
  assert.ok(session.belongsTo(ME))
  assert.ok(session.belongsTo(1001))
  assert.ok(session.exchange(session.token!, ME))
  assert.ok(session.belongsTo(ME))
  assert.equal(session.belongsTo(1001), false)
  assert.equal(session.belongsTo(0), false)
})
