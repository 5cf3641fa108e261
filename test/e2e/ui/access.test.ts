/** Who gets to see the page, without a browser in between that would behave. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { newPlace, type Place } from '../support/place.ts'
import { type Ending, runOk } from '../support/process.ts'
import { secondUser, secondUserMissing } from '../support/second-user.ts'
import { openLink, send, startUi } from '../support/ui.ts'

async function initialised(t: Ending): Promise<Place> {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  return place
}

test('the link is good for one use, and only its cookie opens the pages', async (t) => {
  const ui = await startUi(t, await initialised(t))
  const { host } = new URL(ui.origin)
  assert.match(ui.link, /^http:\/\/127\.0\.0\.1:\d+\/enter\?token=[\w-]{43}$/)
  assert.equal((await send(ui.origin)).status, 401)
  assert.equal((await send(`${ui.origin}/enter?token=wrong`)).status, 403)
  assert.equal((await send(ui.link, { headers: { 'sec-purpose': 'prefetch;prerender' } })).status, 403)
  assert.equal((await send(ui.link, { method: 'HEAD' })).status, 403)

  const cookie = await openLink(ui.link)
  const again = await send(ui.link)
  assert.equal(again.status, 403)
  assert.match(again.text, /This link was used/)
  assert.equal(again.headers['set-cookie'], undefined)

  const page = await send(ui.origin, { headers: { cookie } })
  assert.equal(page.status, 200)
  assert.match(page.text, /No folders yet/)
  assert.equal((await send(ui.origin, { headers: { cookie: cookie.replace('=', '=x') } })).status, 401)
  assert.equal((await send(ui.origin, { headers: { cookie, host: 'evil.example' } })).status, 421)
  assert.equal((await send(ui.origin, { headers: { cookie, host, origin: 'http://evil.example' } })).status, 403)
})

test('another user of the machine gets nothing, not even by the link', { skip: secondUserMissing() }, async (t) => {
  const user = await secondUser(t)
  const place = newPlace(t, { user })
  await place.dfsOk(['init'])
  const ui = await startUi(t, place)
  for (const address of [ui.link, ui.origin, `${ui.origin}/base.css`]) {
    const { status, text } = await send(address)
    assert.equal(status, 403, address)
    assert.match(text, /belongs to another user/)
  }
  const visit = `const { status, headers } = await fetch(process.argv[1], { redirect: 'manual' })
console.log(status, headers.has('set-cookie'))`
  const own = { user, env: place.env, cwd: place.root }
  const args = ['--input-type=module', '-e', visit, ui.link]
  assert.equal(await runOk(place.command[0], args, own), '303 true\n')
})

test('nothing is kept in a cache, loaded from elsewhere or shown in a frame', async (t) => {
  const ui = await startUi(t, await initialised(t))
  const cookie = await openLink(ui.link)
  for (const address of [
    '/',
    '/base.css',
    '/parts.css',
    '/tables.css',
    '/page.js',
    '/icon.svg',
    '/nowhere',
    '/files/etc/passwd',
  ]) {
    const { headers, text } = await send(ui.origin + address, { headers: { cookie } })
    assert.equal(headers['cache-control'], 'no-store', address)
    assert.match(String(headers['content-security-policy']), /^default-src 'none'; .*frame-ancestors 'none'$/)
    assert.doesNotMatch(String(headers['content-security-policy']), /unsafe|\*|http|data:/)
    assert.equal(headers['access-control-allow-origin'], undefined)
    if (/html/.test(String(headers['content-type']))) {
      assert.doesNotMatch(text, /(src|href|action)="(?!\/[^/]|#)/, 'all that a page names is of this server')
      assert.doesNotMatch(text, /<script(?! type="module" src="\/page\.js"><\/script>)|<style|\bstyle=|\bon\w+=/)
    }
  }
  assert.equal((await send(`${ui.origin}/nowhere`, { headers: { cookie } })).status, 404)
  assert.equal((await send(`${ui.origin}/files/etc/passwd`, { headers: { cookie } })).status, 404)
})

test('what another page sends changes nothing', async (t) => {
  const ui = await startUi(t, await initialised(t))
  const cookie = await openLink(ui.link)
  const form = { 'content-type': 'application/x-www-form-urlencoded', cookie }
  const body = 'do=clear&job=1&back=%2F'
  const post = (headers: Record<string, string>, sent = body) =>
    send(`${ui.origin}/jobs`, { method: 'POST', headers: { ...form, ...headers }, body: sent })
  assert.equal((await post({ origin: ui.origin })).status, 303)
  assert.equal((await post({})).status, 403)
  assert.equal((await post({ origin: 'null' })).status, 403)
  assert.equal((await post({ origin: 'http://evil.example' })).status, 403)
  assert.equal((await post({ origin: 'http://127.0.0.1:1' })).status, 403)
  assert.equal((await post({ origin: ui.origin, 'sec-fetch-site': 'same-site' })).status, 403)
  assert.equal((await post({ origin: ui.origin, cookie: '' })).status, 401)
  assert.equal((await post({ origin: ui.origin, 'content-type': 'text/plain' })).status, 400)
  assert.equal((await post({ origin: ui.origin }, 'x'.repeat(1_100_000))).status, 400)
  for (const back of [
    '//evil.example',
    'http://evil.example',
    '/files/\\evil',
    'javascript:alert(1)',
    '/files/a\r\nx: y',
  ]) {
    assert.equal(
      (await post({ origin: ui.origin }, new URLSearchParams({ back, do: 'clear' }).toString())).status,
      400,
      back,
    )
  }
})

test('it ends by Ctrl-C, and says what is in its way', async (t) => {
  const place = newPlace(t)
  const early = await place.dfs(['ui', '--no-open'])
  assert.equal(early.code, 3)
  assert.match(early.stderr, /^dfs: .*there is no dfs home here; run "dfs init"[^\n]*\n$/)
  await place.dfsOk(['init'])
  assert.equal((await place.dfs(['ui', '--port', 'x'])).code, 2)
  const ui = await startUi(t, place)
  const taken = await place.dfs(['ui', '--no-open', '--port', new URL(ui.origin).port])
  assert.equal(taken.code, 6)
  assert.match(taken.stderr, /^dfs: port \d+ is taken; choose another with --port, or leave it out\n$/)
  assert.equal(await ui.end(), 0)
  await assert.rejects(send(ui.origin))
})

test('it ends by Ctrl-C while it waits for a daemon that hangs', async (t) => {
  const place = await initialised(t)
  const ui = await startUi(t, place)
  const cookie = await openLink(ui.link)
  await send(ui.origin, { headers: { cookie } })
  const { pid } = JSON.parse(readFileSync(path.join(place.home, 'lock'), 'utf8'))
  process.kill(pid, 'SIGSTOP')
  try {
    const waiting = send(ui.origin, { headers: { cookie } }).catch(() => undefined)
    assert.equal(await ui.end(), 0)
    await waiting
  } finally {
    process.kill(pid, 'SIGCONT')
  }
})
