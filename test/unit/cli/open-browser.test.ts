import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { mayOpenBrowser, openBrowser } from '../../../src/cli/open-browser.ts'
import { until } from '../../e2e/support/process.ts'

const PERSON = { platform: 'linux', uid: 1000 } as const

test('a browser comes up where there is a screen, and not for root', () => {
  assert.equal(mayOpenBrowser({ DISPLAY: ':0' }, PERSON), true)
  assert.equal(mayOpenBrowser({ WAYLAND_DISPLAY: 'wayland-0' }, PERSON), true)
  assert.equal(mayOpenBrowser({}, { ...PERSON, platform: 'darwin' }), true)
  assert.equal(mayOpenBrowser({}, PERSON), false)
  assert.equal(mayOpenBrowser({ DISPLAY: ':0' }, { ...PERSON, uid: 0 }), false)
})

test('the desktop is asked to open the address, if it can be', { skip: process.platform === 'darwin' }, async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'dfs-browser-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const asked = path.join(directory, 'asked')
  assert.equal(await openBrowser('http://127.0.0.1:1/', { PATH: directory }), false)
  writeFileSync(
    path.join(directory, 'xdg-open'),
    `#!/bin/sh\nprintf %s "$*" > ${asked}.part && mv ${asked}.part ${asked}\n`,
    {
      mode: 0o755,
    },
  )
  assert.equal(await openBrowser('http://127.0.0.1:1/?a=b', { PATH: `${directory}:/usr/bin:/bin` }), true)
  await until('it was asked', () => existsSync(asked), 20_000)
  assert.equal(readFileSync(asked, 'utf8'), 'http://127.0.0.1:1/?a=b')
})
