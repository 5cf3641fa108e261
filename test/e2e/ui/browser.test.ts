/**
 * The page as a person uses it, in a real browser, over two devices of one person. With DFS_PICTURES=DIR what is seen is kept
 * there as pictures.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { fuse, skipUnless } from '../../support/requirements.ts'
import { Chromium, type ChromiumPage, chromium } from '../support/chromium.ts'
import { type Device, newDevice, pair } from '../support/device.ts'
import { noise } from '../support/files.ts'
import { within } from '../support/process.ts'
import { mountAll, readIn } from '../support/sharing.ts'
import { startUi } from '../support/ui.ts'

const skip = skipUnless(fuse, chromium)
const MIB = 1024 * 1024
const PATIENCE = { deadlineMs: 150_000 }

async function put(device: Device, name: string, content: Buffer | string): Promise<void> {
  const file = path.join(device.folder, name)
  await within(20_000, mkdir(path.dirname(file), { recursive: true }), `mkdir for ${name}`)
  await within(20_000, writeFile(file, content), `writing ${name}`)
}

async function twoDevices(t: TestContext): Promise<Device> {
  const laptop = await newDevice(t, { config: { replicas: 1, deviceName: 'laptop' } })
  const desktop = await newDevice(t, { config: { offerBytes: 1e9, deviceName: 'desktop' } })
  await laptop.dfsOk(['init'])
  await pair(laptop, desktop)
  await mountAll(desktop, laptop)
  await put(laptop, 'film.bin', noise(3 * MIB, 1))
  await put(laptop, 'photos/one.jpg', noise(700_000, 2))
  await put(laptop, 'photos/2024/two.jpg', noise(300_000, 3))
  await put(laptop, 'report.txt', 'the first report')
  await laptop.dfsOk(['wait', laptop.folder, '--timeout', '120'], PATIENCE)
  await put(laptop, 'report.txt', 'the second report')
  await laptop.dfsOk(['wait', laptop.folder, '--timeout', '120'], PATIENCE)
  return laptop
}

/** Keeps pictures of a page: wide, narrow and dark. */
async function pictures(page: ChromiumPage, name: string): Promise<void> {
  const directory = process.env.DFS_PICTURES
  if (directory === undefined) return
  const screens = { wide: { width: 1200, height: 800 }, narrow: { width: 380, height: 760 } }
  for (const [kind, screen] of Object.entries(screens)) {
    for (const isDark of [false, true]) {
      await page.show({ ...screen, isDark })
      await page.picture(path.join(directory, `${name}-${kind}${isDark ? '-dark' : ''}.png`))
    }
  }
  await page.show(screens.wide)
}

/** The state of a row, as it is read. */
const stateOf = (page: ChromiumPage, name: string) =>
  page.run<string>(`[...document.querySelectorAll('#entries tr')].find((row) =>
    row.querySelector('bdi')?.textContent === ${JSON.stringify(name)})?.querySelector('.state')?.innerText.trim()`)

test('a person and the page', { skip }, async (t) => {
  const laptop = await twoDevices(t)
  const { link, origin } = await startUi(t, laptop)
  const browser = await Chromium.start(t)
  const page = await browser.newPage()
  await page.show({ width: 1200, height: 800 })

  await t.test('opens the link, and sees folders, space and devices', async () => {
    await page.open(link)
    assert.equal(await page.run('location.href'), `${origin}/`)
    await page.sees(/Folders\s+folder\n.*Mounted\s+4 files, /s)
    await page.sees(/replicated 1\/1\s+4 files/)
    await page.sees(/Free on the disk/)
    await page.sees(/laptop\s+yours\s+this device/)
    await page.sees(/desktop\s+yours\s+connected/)
    await page.sees(/everything is there/)
    assert.equal(await page.run('document.cookie'), '', 'no script sees the cookie')
    await pictures(page, 'overview')
  })

  await t.test('opens a folder, and a directory in place, and sees the states', async () => {
    await page.click('.card a', 'folder')
    await page.sees(/film\.bin\s+replicated 1\/1\s+3\.0 MiB/)
    await page.click('a.toggle', 'Open photos')
    await page.sees(/one\.jpg\s+replicated 1\/1/)
    await page.click('a.toggle', 'Open 2024')
    await page.sees(/two\.jpg\s+replicated 1\/1/)
    await pictures(page, 'folder')
  })

  await t.test('frees the space of a file, and sees it change where it stands', async () => {
    await page.run('window.isSamePage = true')
    await page.click('input[type=checkbox]', 'film.bin')
    await page.click('button', 'Free up space')
    await page.sees(/Freeing the space of film\.bin done\s+Evicted 1 file, 3\.0 MiB freed/, '#jobs')
    assert.equal(await stateOf(page, 'film.bin'), 'evicted')
    assert.equal(await stateOf(page, 'report.txt'), 'replicated 1/1')
    assert.equal(await page.run('window.isSamePage'), true)
    assert.equal(await page.run('document.querySelectorAll("input:checked").length'), 0)
    await pictures(page, 'evicted')
  })

  await t.test('sees by itself what happens elsewhere', async () => {
    await laptop.dfsOk(['hydrate', path.join(laptop.folder, 'film.bin')])
    await put(laptop, 'new.txt', 'just made')
    await page.sees(/film\.bin\s+replicated 1\/1/)
    await page.sees(/new\.txt/)
    assert.equal(await page.run('window.isSamePage'), true)
  })

  await t.test('is told when nothing is chosen', async () => {
    await page.click('button', 'Keep here')
    await page.sees(/nothing is chosen/, '[role=alert]')
  })

  await t.test('brings an earlier version back', async () => {
    await page.click('a', 'report.txt')
    await page.sees(/Earlier versions.*16 B/s)
    await page.run('document.querySelector("#history button").focus()')
    await page.press('Enter')
    await page.sees(/Restoring report\.txt done\s+Restored as of .*, 16 B/, '#jobs')
    assert.equal((await readIn(laptop, 'report.txt')).toString(), 'the first report')
    await page.sees(/Earlier versions.*17 B.*16 B/s)
    await pictures(page, 'file')
  })

  await t.test('keeps one version of a file that two devices changed at once', async () => {
    const copy = 'plan (conflict desktop 2026-11-23).txt'
    await put(laptop, 'plan.txt', 'mine')
    await put(laptop, copy, 'the other one')
    await page.open(`${origin}/`)
    await page.sees(/Changed on two devices at once.*plan\.txt.*4 B.*plan \(conflict desktop.*13 B/s, '#conflicts')
    await pictures(page, 'conflict')
    await page.click('#conflicts button', `Keep this: ${copy}`)
    await page.sees(/Keeping plan \(conflict desktop 2026-11-23\)\.txt done/, '#jobs')
    assert.equal((await readIn(laptop, 'plan.txt')).toString(), 'the other one')
    await page.sees(/^\s*$/, '#conflicts')
  })

  await t.test('finds a deleted file by its name', async () => {
    await page.open(`${origin}/files${laptop.folder}`)
    await page.run('document.querySelector("#find").focus()')
    await page.type('never was <b>')
    await page.press('Enter')
    await page.sees(/never was <b>\s+There is no file of this name/)
  })

  await t.test('reaches all of it by keyboard', async () => {
    await page.open(`${origin}/files${laptop.folder}`)
    const names: string[] = []
    for (let i = 0; i < 60; i++) {
      await page.press('Tab')
      const name = await page.run<string>(`(() => { const one = document.activeElement
        return (one.getAttribute('aria-label') ?? one.labels?.[0]?.innerText ?? one.innerText).trim() })()`)
      if (names.includes(name) && name === names[0]) break
      names.push(name)
    }
    assert.equal(names[0], 'Skip to content')
    for (const name of ['dfs', 'Overview', 'Free up space', 'Open photos', 'film.bin', 'report.txt']) {
      assert.ok(names.includes(name), `${name} among ${names.join(', ')}`)
    }
  })

  await t.test('gets by without scripts', async () => {
    const plain = await browser.newPage()
    await plain.withoutScripts()
    await plain.open(`${origin}/files${laptop.folder}`)
    await plain.click('input[type=checkbox]', 'film.bin')
    await plain.click('button', 'Keep here')
    await plain.sees(/Keeping here film\.bin done\s+1 file here whole/, '#jobs')
    await plain.sees(/film\.bin\s+replicated 1\/1\s+pinned/)
    assert.equal((await laptop.dfs(['evict', path.join(laptop.folder, 'film.bin')])).code, 14)
  })

  await t.test('nobody gets in by the link again', async () => {
    const other = await browser.newPage()
    await other.open(link)
    await other.sees(/This link was used/)
  })

  assert.deepEqual(
    browser.complaints.filter((said) => !/status of (400|403|404)/.test(said)),
    [],
  )

  await t.test('a page of another port of this machine can neither act nor look', async () => {
    const foreign = createServer((_, response) => {
      response.setHeader('content-type', 'text/html')
      response.end(`<form method="post" action="${origin}/files${laptop.folder}"><input name="do" value="evict">
<input name="name" value="."><input name="back" value="/"></form>`)
    }).listen(0, '127.0.0.1')
    t.after(() => foreign.close())
    await once(foreign, 'listening')
    const other = await browser.newPage()
    await other.open(`http://127.0.0.1:${(foreign.address() as AddressInfo).port}/`)
    const looked = await other.run(
      `fetch('${origin}/', { credentials: 'include' }).then(() => 'seen', () => 'refused')`,
    )
    assert.equal(looked, 'refused')
    await other.run('document.querySelector("form").submit()')
    await other.sees(/this request was sent by another page/)
    await other.open(`${origin}/`)
    assert.doesNotMatch(await other.text('#jobs'), /Freeing the space of folder/)
  })
})
