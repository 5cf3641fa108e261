import assert from 'node:assert/strict'
import test from 'node:test'
import { refusalOf } from '../../../../src/cli/ui/request-rules.ts'

const PORT = 7070
const HOST = '127.0.0.1:7070'
const judge = (method: string, headers: Record<string, string>) => refusalOf({ method, headers, port: PORT })?.status

test('what a browser sends for this page itself is listened to', () => {
  assert.equal(judge('GET', { host: HOST }), undefined)
  assert.equal(judge('GET', { host: HOST, 'sec-fetch-site': 'none' }), undefined)
  assert.equal(judge('GET', { host: HOST, 'sec-fetch-site': 'same-origin' }), undefined)
  assert.equal(judge('POST', { host: HOST, origin: `http://${HOST}`, 'sec-fetch-site': 'same-origin' }), undefined)
  assert.equal(judge('POST', { host: 'localhost:7070', origin: 'http://localhost:7070' }), undefined)
})

test('a name that somebody else made lead here is refused', () => {
  for (const host of [
    'evil.example:7070',
    'evil.example',
    '127.0.0.1',
    '127.0.0.1:7071',
    'localhost',
    '127.0.0.1:7070.evil.example',
    '',
  ]) {
    assert.equal(judge('GET', { host }), 421, host)
    assert.equal(judge('POST', { host, origin: `http://${host}` }), 421, host)
  }
  assert.equal(judge('GET', {}), 421)
})

test('a request that another page sends is refused, whatever its method', () => {
  for (const method of ['GET', 'HEAD', 'POST']) {
    for (const origin of [
      'http://evil.example',
      'null',
      'http://127.0.0.1:7071',
      'https://127.0.0.1:7070',
      `http://localhost:7070`,
      '',
    ]) {
      assert.equal(judge(method, { host: HOST, origin }), 403, `${method} from ${origin}`)
    }
    for (const site of ['cross-site', 'same-site', 'other']) {
      assert.equal(judge(method, { host: HOST, origin: `http://${HOST}`, 'sec-fetch-site': site }), 403, site)
    }
  }
})

test('a change needs an origin', () => {
  assert.equal(judge('POST', { host: HOST }), 403)
})

test('other methods are refused', () => {
  for (const method of ['PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE']) {
    assert.equal(judge(method, { host: HOST, origin: `http://${HOST}` }), 405)
  }
})
