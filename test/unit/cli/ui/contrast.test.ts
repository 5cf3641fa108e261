/** The colours of the page, light and dark, as WCAG 2.2 measures them: 4.5 for text, 3 for the edges of fields. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'

const css = readFileSync(new URL('../../../../assets/ui/base.css', import.meta.url), 'utf8')
const colours = new Map(
  [...css.matchAll(/--(\w+): light-dark\(#(\w{6}), #(\w{6})\)/g)].map(([, name, ...pair]) => [name!, pair]),
)

function luminance(colour: string): number {
  const [red, green, blue] = [0, 2, 4].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
}

function contrast(one: string, other: string): number {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (lighter! + 0.05) / (darker! + 0.05)
}

for (const [mode, at] of [
  ['light', 0],
  ['dark', 1],
] as const)
  test(`what is written can be read on all that it stands on, ${mode}`, () => {
    for (const name of ['text', 'quiet', 'accent', 'local', 'safe', 'part', 'evicted', 'bad', 'edge']) {
      for (const ground of ['ground', 'sheet', 'hover']) {
        const found = contrast(colours.get(name)![at]!, colours.get(ground)![at]!)
        assert.ok(found >= (name === 'edge' ? 3 : 4.5), `${name} on ${ground}: ${found}`)
      }
    }
  })
